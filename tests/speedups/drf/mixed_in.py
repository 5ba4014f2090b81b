"""A pytest plugin: Django REST framework's own tests, whose view sets and serializers are ours.

It is put on the path beside the framework's sources, whose `tests` package has the name of ours.
"""

from typing import Any

import pytest


@pytest.hookimpl(trylast=True)
def pytest_configure(config: Any) -> None:
    """Mix the pieces in when the framework's tests have configured Django, before they load."""
    from rest_framework import serializers, viewsets

    from drf_speedups.answers import FinishedAnswers
    from drf_speedups.database.old_connections import look_before_closing
    from drf_speedups.queries import QUERIES
    from drf_speedups.representation import ROWS
    from drf_speedups.serializers.shared_fields import SharedFields
    from drf_speedups.urls import URLS
    from drf_speedups.writes import SingleStatementWrites

    look_before_closing()
    QUERIES.install()
    ROWS.install()
    URLS.install()
    mixins: dict[Any, tuple[type, ...]] = {
        serializers: (SharedFields,), viewsets: (FinishedAnswers, SingleStatementWrites)
    }  # fmt: skip
    for module, name in ((serializers, "ModelSerializer"), (viewsets, "ModelViewSet")):
        stock = getattr(module, name)
        named = {"__module__": stock.__module__, "__qualname__": name, "__doc__": stock.__doc__}
        setattr(module, name, type(stock)(name, (*mixins[module], stock), named))
