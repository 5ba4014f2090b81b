"""Django's own routes: none, bolt has its own."""

from typing import Any

urlpatterns: list[Any] = []
