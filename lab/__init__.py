"""The laboratory: starts an implementation, drives the load, samples, compares, says its doubts.

It talks to the service and to the load through processes and files only.
"""
