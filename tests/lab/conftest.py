"""What tests of the lab share."""

import pytest


@pytest.fixture
def _without_charts(monkeypatch):
    """Leave out what takes the time, where it is the words that count."""
    monkeypatch.setattr("lab.report.charts.all.charts", lambda found: {})
