"""What was found, for people and for other programs: words, tables, charts, one page."""
