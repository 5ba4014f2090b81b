"""REST framework's views, which the project imports first.

They import the classes that a project's settings name, and these may live in a package that imports
REST framework's views. So whoever imports these before the project does changes what is half made
when, and the project may not start. Nothing of ours does; the rest of REST framework asks for no
class of a project's.
"""

import sys

from django.apps import apps
from django.conf import settings
from django.urls import get_resolver

VIEWS, GENERIC_VIEWS = "rest_framework.views", "rest_framework.generics"
# What the generic views have beyond views: the classes are imported with them.
OF_GENERIC_VIEWS = {"DEFAULT_PAGINATION_CLASS", "DEFAULT_FILTER_BACKENDS"}


def import_views() -> None:
    """Import the project's views, in its own order, where somebody has to know them at once."""
    if apps.ready and getattr(settings, "ROOT_URLCONF", None):
        get_resolver().url_patterns  # noqa: B018  (imports them)


def are_imported() -> bool:
    """Tell whether to import views of the framework's imports nothing of the project any more."""
    named = OF_GENERIC_VIEWS.intersection(getattr(settings, "REST_FRAMEWORK", None) or ())
    return GENERIC_VIEWS in sys.modules or (not named and VIEWS in sys.modules)
