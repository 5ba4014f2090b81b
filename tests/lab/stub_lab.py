"""The lab's command line with a stub instead of real targets: `python -m tests.lab.stub_lab`."""

import sys

from lab.cli.main import main
from lab.experiments import targets
from lab.experiments.targets import Target

COMMAND = ("{python}", "-m", "tests.lab.stub_service", "{port}")
STUB = Target("stub", COMMAND, load=("--preset", "django"))

if __name__ == "__main__":
    targets.TARGETS = {STUB.name: STUB}
    sys.exit(main())
