"""What a pipeline is made of, for people and programs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaoki.core.policies.policy import Policy

__all__ = ["Description"]


class Description:
    """The stack of policies with their parameters, outermost first. `print` shows it; `to_dict` is JSON-ready."""

    __slots__ = ("layers", "name")

    def __init__(self, name: str | None, policies: Sequence[Policy]) -> None:
        self.name: str | None = name
        self.layers: tuple[dict[str, object], ...] = tuple(
            {"kind": policy.kind, "name": getattr(policy, "name", None), **_plain(policy.configuration())}
            for policy in policies
        )

    def to_dict(self) -> dict[str, object]:
        """Name and layers."""
        return {"pipeline": self.name, "layers": [dict(layer) for layer in self.layers]}

    def __str__(self) -> str:
        lines = [f"pipeline {self.name or '(no name)'}"]
        for depth, layer in enumerate(self.layers, start=1):
            name = "" if layer["name"] is None else f" {layer['name']!r}"
            facts = ", ".join(f"{key}={value}" for key, value in layer.items() if key not in ("kind", "name"))
            lines.append(f"{'  ' * depth}{layer['kind']}{name}{': ' if facts else ''}{facts}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Description of {self.name or 'a pipeline'}: {' > '.join(str(layer['kind']) for layer in self.layers)}>"


def _plain(configuration: object) -> dict[str, object]:
    assert isinstance(configuration, dict)
    return {key: "unlimited" if value == float("inf") else value for key, value in configuration.items()}
