"""The one serializer."""

from fastdrf import serializers
from fastdrf.list_serializers import ListSerializer

from peers.django_fastdrf.models import Item


class ItemSerializer(serializers.ModelSerializer):  # type: ignore[misc]
    """All fields, their rules taken from the model."""

    class Meta:
        model = Item
        list_serializer_class = ListSerializer  # freed without the collector
        fields = ["id", "name", "description", "price", "quantity", "created_at", "updated_at"]
        extra_kwargs = {
            # PUT sets what it leaves out
            "description": {"default": "", "trim_whitespace": False},
            "quantity": {"default": 0},
        }
