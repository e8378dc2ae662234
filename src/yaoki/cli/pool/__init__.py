"""`yaoki pool …`: ready git workspaces for agents and jobs (SPEC W5), one file for each kind of work.

Everything that changes or removes has `--dry-run`; everything prints tables for people, and with `--json` one document for programs,
whose shape is told by its `version`. Exit codes are in `exit_codes`.
"""

from __future__ import annotations

from yaoki.cli.pool.commands import app

__all__ = ["app"]
