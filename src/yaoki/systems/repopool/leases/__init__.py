"""Who has a slot, whether he lives, who waits, and the lock files that keep others out."""
