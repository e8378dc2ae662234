"""Names of repositories, ids of slots and addresses (SPEC W1)."""

from __future__ import annotations

import pytest

from yaoki.systems.repopool.errors import ConfigValidationError
from yaoki.systems.repopool.names import checked_address, checked_repo_name, slot_id_of, split_slot_id


@pytest.mark.parametrize(
    ("text", "transport"),
    [
        ("https://example.org/a/b.git", "https"),
        ("https://user:secret@example.org:8443/a.git", "https"),
        ("ssh://git@example.org:22/a.git", "ssh"),
        ("git@example.org:a/b.git", "ssh"),
        ("example.org:~me/b.git", "ssh"),
        ("git://example.org/a", "git"),
        ("git://[::1]:9418/a", "git"),
        ("file:///srv/a.git", "file"),
        ("/srv/a.git", "file"),
    ],
)
def test_w1_an_address_of_a_usual_form_is_allowed(text: str, transport: str) -> None:
    """SPEC W1: https, ssh, the scp form, git, file:// and an absolute path."""
    address = checked_address(text)

    assert (address.text, address.transport) == (text, transport)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "-oProxyCommand=x",
            "--upload-pack=touch /tmp/x",
            "ext::sh -c 'touch x'",
            "fd::17",
            "relative/path",
            "./x",
            "../x",
        ),
        *(
            "http://example.org/a",
            "ftp://example.org/a",
            "https://",
            "https:///a",
            "https://example.org",
            "ssh://-oProxyCommand=x/a",
        ),
        *("ssh://-x@example.org/a", "host:-path", "git@-host:path", "file://host/a", "file:////host/a", "file://relative"),
        *("https://exa mple.org/a", "https://example.org/a\nb", "transport::address", "https://example.org:port/a", "-"),
        *(None, 3, b"/srv/a.git"),
    ],
)
def test_w1_every_other_address_is_refused(text: object) -> None:
    """SPEC W1, defect 21 of the original: nothing that git could read as an option or a command is an address."""
    with pytest.raises(ConfigValidationError, match="repo_url") as caught:
        checked_address(text)

    assert caught.value.field == "repo_url"


def test_w1_a_password_is_not_shown() -> None:
    """SPEC W1: messages and logs get the address without its secret."""
    assert checked_address("https://user:secret@example.org/a.git").shown == "https://example.org/a.git"


@pytest.mark.parametrize("name", ["web", "my.repo_2", "a", "A-1", "x-slot3", "0"])
def test_w1_a_slot_id_names_its_repository_and_number(name: str) -> None:
    """SPEC W1: `workspace-{repo}-slot{N}`, whatever the name of the repository looks like."""
    assert split_slot_id(slot_id_of(name, 12)) == (name, 12)


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/b", ".hidden", "-x", "a b", "x" * 101, "a..b", "locks", "quarantine", "pool.db", "x.lock", "é", None, 3],
)
def test_w1_a_name_that_could_leave_its_folder_is_refused(name: object) -> None:
    """SPEC W1, defect 21 of the original: names are checked before they become paths."""
    with pytest.raises(ConfigValidationError, match="repo_name"):
        checked_repo_name(name)


@pytest.mark.parametrize(
    "slot_id", ["", "web", "workspace-web", "workspace-web-slot", "workspace-../x-slot1", "workspace-web-slot01", 7]
)
def test_w1_a_slot_id_of_another_form_is_refused(slot_id: object) -> None:
    """SPEC W1: ids are checked before they become paths."""
    with pytest.raises(ConfigValidationError):
        split_slot_id(slot_id)
