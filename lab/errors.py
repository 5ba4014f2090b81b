"""The one error the lab reports to its user: what is wrong and how to mend it, in one line."""


class LabError(Exception):
    """Something outside the lab is wrong; `str()` of it is for the person at the terminal."""


class FailedError(Exception):
    """All went well, and what was measured is not good enough; `str()` says what, in one line."""


class CannotTellError(Exception):
    """The records do not answer a question; the message says why, to follow on "because"."""
