"""The JSON form of the table."""

from crud.fields import StrictModelSerializer
from crud.models import Item


class ItemSerializer(StrictModelSerializer):
    """An item as clients see it."""

    class Meta:
        model = Item
        fields = ["id", "name", "description", "price", "quantity", "created_at", "updated_at"]
        extra_kwargs = {
            # A description is kept as it was sent. The defaults make PUT replace the whole item.
            "description": {"default": "", "trim_whitespace": False},
            "quantity": {"default": 0},
        }
