"""One slot on the disk: built, checked, given out, cleaned."""
