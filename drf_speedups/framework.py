"""REST framework, which the project imports first: ours are put in their places once it has.

REST framework's modules import the classes that a project's settings name, and these may live in a
package that imports REST framework. So whoever imports it before the project does changes what is
half made when, and the project may not start. Nothing of ours does: the piece `representation`
waits until a request finds REST framework imported. Until then requests are the framework's, one
for each process as a rule: Django imports the views for it.
"""

import sys
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.signals import request_started
from django.urls import get_resolver

VIEWS, GENERIC_VIEWS = "rest_framework.views", "rest_framework.generics"
# What the generic views have beyond views: the classes are imported with them.
OF_GENERIC_VIEWS = {"DEFAULT_PAGINATION_CLASS", "DEFAULT_FILTER_BACKENDS"}


def install_when_imported() -> None:
    """Put ours in their places now, or at the first request that finds the framework imported."""
    request_started.connect(_install)
    _install()


def import_views() -> None:
    """Import the project's views, in its own order, where somebody has to know them at once."""
    if apps.ready and getattr(settings, "ROOT_URLCONF", None):
        get_resolver().url_patterns  # noqa: B018  (imports them)
    _install()


def is_imported() -> bool:
    """Tell whether to import REST framework imports nothing of the project any more."""
    named = OF_GENERIC_VIEWS.intersection(getattr(settings, "REST_FRAMEWORK", None) or ())
    return _is_complete(GENERIC_VIEWS) or (not named and _is_complete(VIEWS))


def _install(**_kwargs: Any) -> None:
    # Whoever disconnects it is the only one who installs, whatever other threads do.
    if is_imported() and request_started.disconnect(_install):
        from drf_speedups.representation import ROWS

        ROWS.install()


def _is_complete(module: str) -> bool:
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return spec is not None and not getattr(spec, "_initializing", False)
