"""The index: documents in one SQLite file, found by words and by meaning."""
