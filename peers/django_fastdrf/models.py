"""The one model, as the tutorial would write it. The table comes from the service's migrations."""

from django.core.validators import MinValueValidator
from django.db import models


class Item(models.Model):
    """A row of the table."""

    name = models.CharField(max_length=100)
    description = models.TextField(max_length=2000, blank=True, default="")
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    quantity = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        managed = False
        db_table = "crud_item"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name
