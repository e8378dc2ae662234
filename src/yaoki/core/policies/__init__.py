"""The policies: each decides about one call."""
