"""The one view set, with fastdrf's mixins before DRF's."""

from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from fastdrf.mixins import CreateModelMixin
from fastdrf.response import DataResponse
from fastdrf.views import DispatchOptimizationMixin
from rest_framework import viewsets
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.views import exception_handler

from peers.django_fastdrf.models import Item
from peers.django_fastdrf.pages import KeysetPages
from peers.django_fastdrf.serializers import ItemSerializer


class ItemViewSet(DispatchOptimizationMixin, CreateModelMixin, viewsets.ModelViewSet):  # type: ignore[misc,type-arg]
    """All operations on items."""

    queryset = Item.objects.all()  # type: ignore[attr-defined]
    serializer_class = ItemSerializer
    pagination_class = KeysetPages
    lookup_value_regex = "[0-9]{1,19}"

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> DataResponse:
        """Answer as DRF does, without its template response."""
        return DataResponse(self.get_serializer(self.get_object()).data)

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Return where a created item is."""
        return {"Location": f"/items/{data['id']}/"}

    def perform_update(self, serializer: Any) -> None:
        """Set what was sent in one statement: no lost update, no revived row."""
        rows = Item.objects.filter(pk=serializer.instance.pk)  # type: ignore[attr-defined]
        rows.update(**serializer.validated_data, updated_at=Now())
        serializer.instance = get_object_or_404(rows)

    def perform_destroy(self, instance: Any) -> None:
        """Delete an item; of several requests at once only one finds it."""
        gone, _ = Item.objects.filter(pk=instance.pk).delete()  # type: ignore[attr-defined]
        if not gone:
            raise Http404


def answer_to(error: Exception, context: Any) -> Any:
    """Answer an exception as DRF does, but for what its parser says and for lost connections."""
    if isinstance(error, ParseError | RecursionError):
        return HttpResponse(status=400)
    if isinstance(error, OperationalError | InterfaceError):
        return HttpResponse(status=503, headers={"Retry-After": "1"})
    return exception_handler(error, context)
