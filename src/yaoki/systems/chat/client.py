"""Talks to a running chat service: what `yaoki chat ask`, `break` and `heal` do (SPEC G1).

A service on this machine is found by its data folder, where its address and its token are.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import httpx

from yaoki.core.faults.errors import ConfigurationError
from yaoki.service.data_directory import LOCK_FILE, data_directory
from yaoki.service.tokens import TOKEN_FILE, Token

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.chat.configuration import ChatConfiguration

__all__ = ["Client", "ServiceError", "find_service"]


class ServiceError(ConfigurationError):
    """The service cannot be reached, or refused. The message says why, and what helps."""


def find_service(configuration: ChatConfiguration, url: str | None) -> Client:
    """The running service: at `url`, else where its data folder says, else at the configured port."""
    folder = data_directory("chat", configuration.data_dir)
    if url is None:
        url = _address(folder) or f"http://{configuration.host}:{configuration.port}"
    # As long as the service itself may take, and a little for the way.
    return Client(url, _token(folder), configuration.vector_timeout + configuration.llm_timeout + 5.0)


def _token(folder: Path) -> Token | None:
    """The token of the service, if it is known here. A client makes none."""
    known = "YAOKI_CHAT_TOKEN" in os.environ or "YAOKI_CHAT_TOKEN_FILE" in os.environ or (folder / TOKEN_FILE).exists()
    return Token.load("chat", folder) if known else None


def _address(folder: Path) -> str | None:
    try:
        holder = json.loads((folder / LOCK_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    address = holder.get("address") if isinstance(holder, dict) else None
    return address if isinstance(address, str) else None


class Client:
    """One running service. `timeout`: seconds for one request."""

    def __init__(self, url: str, token: Token | None, timeout: float) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._timeout = timeout

    def ask(self, question: str, language: str) -> dict[str, Any]:
        """The reply to a question, as `POST /chat` gives it. Raises ServiceError."""
        return self._post("/chat", {"message": question}, {"Accept-Language": language})

    def switch(self, part: str, fault: str | None) -> dict[str, Any]:
        """Break a part, or heal it with None; returns what is wrong with each part. Raises ServiceError."""
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token.reveal()}"}
        return self._post("/switches", {"part": part, "fault": fault}, headers)

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        try:
            # A proxy of the environment is not asked for a service of this machine.
            with httpx.Client(trust_env=False, timeout=self._timeout) as client:
                response = client.post(f"{self.url}{path}", json=body, headers=headers)
                found = response.json()
        except (httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ServiceError(f"No chat service answers at {self.url}.\nStart it with: yaoki up") from error
        except (httpx.HTTPError, ValueError) as error:
            raise ServiceError(f"What answers at {self.url} is no chat service, or it is in trouble: {error}") from error
        if not isinstance(found, dict):
            raise ServiceError(f"What answers at {self.url} is no chat service.")
        if response.is_success:
            return found
        reason = found.get("reason", f"status {response.status_code}")
        way_out = ""
        if response.status_code == 401:
            used = "No token is known here" if self._token is None else f"The token was {self._token.source}"
            way_out = f"\n{used}; name the right one with the environment variable YAOKI_CHAT_TOKEN."
        raise ServiceError(f"The chat service at {self.url} refused: {reason}{way_out}")
