"""What the tests of the table share."""

import pytest
from rest_framework.test import APIClient

from crud.models import Item


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture
def item(db) -> Item:
    return Item.objects.create(name="Desk", description="Oak", price="12.50", quantity=3)
