"""The table in Django's admin, which exists in development only."""

from django.contrib import admin

from crud.models import Item


@admin.register(Item)
class ItemAdmin(admin.ModelAdmin):
    """Rows with what identifies them."""

    list_display = ["id", "name", "price", "quantity", "updated_at"]
    search_fields = ["name"]
    show_full_result_count = False  # COUNT(*) of a million rows
