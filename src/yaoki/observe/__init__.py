"""Observe: what happened, told to those who watch: metrics for Prometheus, logs for people and machines.

Each name is imported from the module that stands beside it, so importing this package costs nothing.
"""
