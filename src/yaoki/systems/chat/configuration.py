"""What can be set about the chat, with the figures of the source document as defaults (SPEC G2).

The two timeouts are the whole budget of a dependency in one request, retries and waits included.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, Field, model_validator

from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
from yaoki.systems.chat.setting_types import ApiKey, Seconds, Url

__all__ = ["ChatConfiguration"]


class ChatConfiguration(EmbeddingsConfiguration):
    """The table `[chat]` of the configuration file; in the environment each key is `YAOKI_CHAT_` and its name in capitals.

    Times are seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on: one of this machine's own")
    port: int = Field(8700, ge=0, le=65535, description="The port to listen on; 0 takes a free one")
    hosts: tuple[str, ...] = Field(
        (), description="Names by which the service may be called, beside addresses and localhost; others are refused"
    )
    data_dir: Path | None = Field(None, description="Where the index and the token are kept; unset: the user's data directory")

    vector_url: Url = Field(
        None, description="The root of a search service, asked at /search; unset: the search of this process"
    )
    vector_timeout: Seconds = Field(3.0, description="The whole budget of the search in one request, retries included")
    vector_attempt_timeout: Seconds | None = Field(
        None,
        description="One attempt of the search; unset: the whole budget for a service, and 1 s for the search of this process",
    )
    llm_url: Url = Field(
        None, description="An OpenAI-compatible endpoint, its root or its /v1; unset: the built-in answerer, without a model"
    )
    llm_model: str = Field("default", min_length=1, max_length=500, description="The model that the endpoint is asked for")
    llm_api_key: ApiKey = Field(None, description="The bearer token of the endpoint; never logged")
    llm_timeout: Seconds = Field(30.0, description="The whole budget of the answerer in one request, retries included")
    llm_attempt_timeout: Seconds | None = Field(
        None, description="One attempt of the answerer; unset: the whole budget for a model, and 2 s for the built-in one"
    )

    retry_max_attempts: int = Field(3, ge=1, le=10, description="Tries in one request, the first included")

    breaker_failure_rate: float = Field(0.5, gt=0.0, le=1.0, description="The share of failed calls that opens a breaker")
    breaker_window: Seconds = Field(30.0, description="The time over which that share is taken")
    breaker_minimum_calls: int = Field(10, ge=1, le=10_000, description="Fewer calls than this never open a breaker")
    breaker_open_timeout: Seconds = Field(30.0, description="How long a breaker stays open before it admits a trial call")

    llm_port: int = Field(8702, ge=0, le=65535, description="The port of `yaoki chat llm`; 0 takes a free one")
    vector_port: int = Field(8701, ge=0, le=65535, description="The port of `yaoki chat vector`; 0 takes a free one")

    passages: int = Field(5, ge=1, le=50, description="How many passages the search hands to the answerer")
    max_message_length: int = Field(4000, ge=1, le=100_000, description="Characters of a question; longer ones are refused")
    max_concurrent: int = Field(
        256, ge=1, le=100_000, description="Questions answered at once; further ones are refused with 429"
    )

    mode_worsen_after: float = Field(
        0.0, ge=0.0, le=3600.0, description="How long answers must be worse until the service reports it"
    )
    mode_recover_after: float = Field(
        5.0, ge=0.0, le=3600.0, description="How long answers must be better until the service reports it"
    )

    maintenance: bool = Field(
        False, description="Whether maintenance is declared: who can be given no answer is told so, and not of an outage"
    )

    balancer_wait: float = Field(
        0.0, ge=0.0, le=3600.0, description="How long requests are still let in when the service is stopped, unready meanwhile"
    )
    drain_timeout: Seconds = Field(30.0, description="How long requests in flight may take when the service is stopped")

    def vector_attempt(self, *, local: bool) -> float | None:
        """Seconds for one attempt of the search, None for the whole budget: a service may be slow, and right.

        `local`: the index of this process, which takes milliseconds.
        """
        return self.vector_attempt_timeout or (min(1.0, self.vector_timeout / 3.0) if local else None)

    def llm_attempt(self, *, local: bool) -> float | None:
        """Seconds for one attempt of the answerer, None for the whole budget: a model may write for as long as that.

        `local`: the built-in one, which takes milliseconds.
        """
        return self.llm_attempt_timeout or (min(2.0, self.llm_timeout / 3.0) if local else None)

    @model_validator(mode="after")
    def _attempts_fit(self) -> ChatConfiguration:
        for part, whole, attempt in (
            ("vector", self.vector_timeout, self.vector_attempt_timeout),
            ("llm", self.llm_timeout, self.llm_attempt_timeout),
        ):
            if attempt is not None and attempt >= whole:
                raise ValueError(f"{part}_attempt_timeout ({attempt:g} s) must be shorter than {part}_timeout ({whole:g} s)")
        return self
