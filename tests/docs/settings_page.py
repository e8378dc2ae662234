"""The table of the chat's settings as `docs/guide/chat-settings.md` has it: `python -m tests.docs.settings_page` writes it anew."""

from __future__ import annotations

from pathlib import Path

from yaoki.service.defaults import toml_value
from yaoki.service.fields import is_secret
from yaoki.systems.chat.configuration import ChatConfiguration

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "chat-settings.md"
HEAD = "| setting | default | |\n| --- | --- | --- |\n"


def table() -> str:
    """One row for each setting, in the order of `yaoki chat config --defaults`."""
    rows = []
    for name, field in ChatConfiguration.model_fields.items():
        unset = field.default is None or is_secret(ChatConfiguration, (name,))
        rows.append(f"| `{name}` | {'unset' if unset else f'`{toml_value(field.default)}`'} | {field.description} |\n")
    return HEAD + "".join(rows)


def written() -> str:
    """The table that stands on the page."""
    _, head, rest = PAGE.read_text("utf-8").partition(HEAD)
    return head + rest.partition("\n\n")[0] + "\n"


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text("utf-8").replace(written(), table()), "utf-8")
