"""The lab's command line with stub targets instead of real ones: `python -m tests.lab.stub_lab`."""

import sys

from lab import targets
from lab.__main__ import main
from lab.targets import Target

COMMAND = ("{python}", "-m", "tests.lab.stub_service", "{port}")
STUBS = (
    Target("stub", COMMAND, load=("--preset", "django")),
    Target("dying", ("{python}", "-c", "raise SystemExit('no such table')")),
)

if __name__ == "__main__":
    targets.TARGETS = {stub.name: stub for stub in STUBS}
    sys.exit(main())
