"""The vector service: documents indexed on disk, searched by words and by meaning (SPEC G1)."""
