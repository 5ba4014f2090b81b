"""What tests of lists have in common."""

import copy

import pytest
from django.db import connection

from drf_speedups.representation.sql import rows


@pytest.fixture
def written(monkeypatch):
    """Give the JSON of each list that the database wrote."""
    found = []
    stock = rows.finished

    def finished(*args):
        texts = stock(*args)
        found.append(texts)
        return texts

    monkeypatch.setattr(rows, "finished", finished)
    return found


@pytest.fixture
def own():
    """Give a connection that may be closed."""
    other = connection.copy("own")
    other.settings_dict = copy.deepcopy(other.settings_dict)
    yield other
    other.close()
