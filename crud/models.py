"""The one table. Its rules stand in the database, so that no other client can break them."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual


class Item(models.Model):
    """Something with a name, a price and a stock."""

    name = models.CharField(max_length=100)
    description = models.TextField(max_length=2000, blank=True, default="", db_default="")
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    quantity = models.PositiveIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        ordering = ["-id"]  # newest first; the primary key's index serves it backwards
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name__regex=r"\S"), name="item_name_not_blank"
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("description"), 2000),
                name="item_description_length",
            ),
            models.CheckConstraint(
                condition=models.Q(price__gte=0), name="item_price_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name
