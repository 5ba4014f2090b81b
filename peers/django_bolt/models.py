"""The one model. The table comes from the service's migrations."""

from django.db import models


class Item(models.Model):
    """A row of the table; the schemas check what goes in, so nothing is checked here."""

    name = models.CharField(max_length=100)
    description = models.TextField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    quantity = models.IntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "peers"  # bolt has taken the folder's own name
        managed = False
        db_table = "crud_item"

    def __str__(self) -> str:
        return self.name
