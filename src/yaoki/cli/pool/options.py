"""The options and arguments that several commands of `yaoki pool` have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["Config", "DryRun", "Fence", "Holder", "Json", "PoolName", "SlotName", "Ttl", "Wait", "Workspaces"]

Workspaces: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--workspaces",
        envvar="YAOKI_POOL_WORKSPACES",
        help="The folder of the pools.",
        show_default="as the configuration says, else the user's data directory",
    ),
]
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="The configuration file of the pools.",
        show_default="$YAOKI_POOL_CONFIG, ./pools.toml or ./pools.yaml, if there is one",
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
PoolName: TypeAlias = Annotated[str, typer.Argument(metavar="POOL", help="The name of the pool.")]
SlotName: TypeAlias = Annotated[str, typer.Argument(metavar="SLOT", help="The id of a slot, or a path in it.")]
Holder: TypeAlias = Annotated[
    str | None, typer.Option("--holder", help="Who has it: a label for people.", show_default="user@host")
]
Wait: TypeAlias = Annotated[
    float | None, typer.Option("--wait", min=0.0, help="Seconds to wait for a free slot, in turn.", show_default="not at all")
]
Ttl: TypeAlias = Annotated[
    float | None,
    typer.Option("--ttl", help="Seconds after which the lease ends unless a heartbeat prolongs it.", show_default="never"),
]
Fence: TypeAlias = Annotated[
    int | None, typer.Option("--fence", help="The fence of the lease, as `allocate` told it.", show_default=False)
]
