"""What the tests of the service around the table share with those of the table."""

from tests.crud.conftest import client, item

__all__ = ["client", "item"]
