"""What tests of the lab share."""

import pytest

from lab import output


@pytest.fixture
def _without_charts(monkeypatch):
    """Leave out what takes the time, where it is the words that count."""
    monkeypatch.setattr(output, "charts", lambda found: {})
