"""The five operations on the table."""

from collections.abc import Mapping
from typing import Any

from rest_framework.viewsets import ModelViewSet

from crud.models import Item
from crud.serializers import ItemSerializer
from drf_speedups.answers import FinishedAnswers
from drf_speedups.pagination import KeysetPagination
from drf_speedups.writes import SingleStatementWrites


class ItemViewSet(FinishedAnswers, SingleStatementWrites, ModelViewSet):
    """Items: list, create, retrieve, update and delete."""

    queryset = Item.objects.all()
    serializer_class = ItemSerializer
    pagination_class = KeysetPagination
    lookup_value_regex = "[0-9]{1,19}"  # not what int() takes: +1, 1_0, digits of other scripts

    def get_success_headers(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Return where a new item lives."""
        return {"Location": f"{self.request.path.rstrip('/')}/{data['id']}/"}
