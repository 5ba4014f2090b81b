"""What the embedded server raises."""


class EmbeddedError(Exception):
    """The embedded server cannot do what was asked; the message says how to mend it."""
