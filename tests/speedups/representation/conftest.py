"""What tests of lists have in common."""

import pytest

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
