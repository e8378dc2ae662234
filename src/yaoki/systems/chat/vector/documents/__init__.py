"""The user's own documents: read from files or taken over HTTP, cut into passages (SPEC G1)."""
