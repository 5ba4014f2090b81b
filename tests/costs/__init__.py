"""What one request, one worker and one start cost: `python -m tests.costs --help`."""
