"""The lab's command line takes the signals of its process, which here are pytest's."""

import signal

import pytest


@pytest.fixture(autouse=True)
def _keep_the_signals_of_pytest(monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
