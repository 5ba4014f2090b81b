"""So that `python -m locust --help` lists the options of this project's load.

Locust prints its help before it reads the locustfile, but after it has imported a module of this
name, for plugins that declare options of their own.
"""

import sys
from pathlib import Path

from locust import events

if {"-h", "--help"} & set(sys.argv):  # else the locustfile declares them
    sys.path.insert(0, str(Path(__file__).parent / "locust"))
    from options import add_options

    events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]
