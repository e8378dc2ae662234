"""The ladder that mends a slot, and what becomes of one that cannot be mended."""
