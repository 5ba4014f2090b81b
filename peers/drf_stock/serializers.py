"""The one serializer."""

from rest_framework import serializers

from peers.drf_stock.models import Item


class ItemSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
    """All fields, their rules taken from the model."""

    class Meta:
        model = Item
        fields = ["id", "name", "description", "price", "quantity", "created_at", "updated_at"]
