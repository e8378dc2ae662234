"""The settings of the watch: the table `[repopool]` of the configuration file (SPEC W5)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.recovery import Daily, Every

__all__ = ["WatchConfiguration"]


class WatchConfiguration(BaseModel):
    """The watch over the pools. What pools there are, and where, is said in pools.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on.")
    port: int = Field(8705, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    strategy: Literal["conservative", "aggressive", "maintenance"] = Field(
        "conservative", description="How far a recovery goes: conservative, aggressive or maintenance."
    )
    check_every: float = Field(3600.0, ge=1.0, description="Seconds between two looks, which change nothing.")
    recover_at: str = Field("02:00", description="The time of day of the recovery, by the clock of this host.")
    recover_every: float | None = Field(
        None, ge=1.0, description="Seconds between two recoveries; then recover_at counts for nothing."
    )
    staged: bool = Field(False, description="Recover first without forced release, wait a minute, look again, and go on.")
    stage_wait: float = Field(60.0, ge=0.0, description="Seconds between the two stages.")
    reload_every: float = Field(10.0, ge=0.1, description="Seconds between two looks whether pools.toml has changed.")
    drain_timeout: float = Field(30.0, ge=0.0, description="Seconds that requests get to end when the watch is stopped.")
    language: Literal["en", "ja"] = Field("en", description="The language in which problems are told: en or ja.")
    log_level: Literal["debug", "info", "warning", "error", "critical"] = Field("info", description="The lowest level logged.")

    @field_validator("recover_at")
    @classmethod
    def _a_time_of_day(cls, value: str) -> str:
        try:
            Daily(value)
        except ConfigurationError as error:
            raise ValueError("must be a time of day from 00:00 to 23:59") from error
        return value

    @property
    def schedule(self) -> Daily | Every:
        """When it recovers."""
        return Daily(self.recover_at) if self.recover_every is None else Every(self.recover_every)
