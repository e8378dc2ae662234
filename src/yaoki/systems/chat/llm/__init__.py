"""The LLM side: any OpenAI-compatible endpoint as the answerer, and the built-in answerer behind such an endpoint."""
