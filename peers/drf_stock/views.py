"""The one view set."""

from rest_framework import viewsets

from peers.drf_stock.models import Item
from peers.drf_stock.serializers import ItemSerializer


class ItemViewSet(viewsets.ModelViewSet):  # type: ignore[type-arg]
    """All operations on items."""

    queryset = Item.objects.all()  # type: ignore[attr-defined]
    serializer_class = ItemSerializer
