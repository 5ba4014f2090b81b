"""Service and load on other hosts: which ones, what is started there, what they report."""
