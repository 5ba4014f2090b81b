"""What the records say: statistics, verdicts, and answers in words."""
