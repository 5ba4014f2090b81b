"""The command line: a module for each command, what can be said, and what is shown meanwhile."""
