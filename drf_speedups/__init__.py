"""Makes Django REST framework faster, piece by piece, and leaves to it what it cannot do alike."""

__version__ = "0.1.0"
