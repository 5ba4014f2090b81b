"""What tests of the lab share."""

import pytest

from lab.report import files


@pytest.fixture
def _without_charts(monkeypatch):
    """Leave out what takes the time, where it is the words that count."""
    monkeypatch.setattr(files, "charts", lambda found: {})
