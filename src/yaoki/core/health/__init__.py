"""Health: what is known about each key."""
