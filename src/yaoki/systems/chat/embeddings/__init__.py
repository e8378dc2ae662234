"""Embeddings: texts as vectors whose nearness is nearness of meaning, from an endpoint or a local model (SPEC G1)."""
