"""Links whose keys are filled up, or which short keys do not have."""

from typing import Any

from django.urls import path, re_path, register_converter
from django.urls.converters import IntConverter
from django.views import View


class Padded(IntConverter):
    """Writes five digits at least."""

    def to_url(self, value: Any) -> str:
        """Fill the key up."""
        return f"{value:05d}"


register_converter(Padded, "padded")
urlpatterns = [
    path("articles/<padded:pk>/", View.as_view(), name="article-detail"),
    re_path(r"topics/(?P<pk>\d\d+)/", View.as_view(), name="topic-detail"),
]
