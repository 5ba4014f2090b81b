"""What peers of different frameworks do alike: what an item may be, and who gets JSON."""
