"""The pipeline: walks a call through the decisions of its policies."""
