"""Starting, loading, watching and ending things: what writes the records."""
