"""Passages embedded in the background, by a quiet child process."""
