"""`python -m lab`."""

import sys

if __name__ == "__main__":
    try:  # to import all that takes a second, in which somebody may think better of it
        from lab.cli.main import INTERRUPTED, main
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # a second one, while the first was answered
        sys.exit(INTERRUPTED)
