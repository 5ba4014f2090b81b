"""The laboratory: starts an implementation, drives the load, samples, compares, says its doubts.

It talks to the service and to the load through processes and files only.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # of the project, where its programs are started
