"""The chat: questions answered from indexed documents, whatever of its parts is down (SPEC G1)."""
