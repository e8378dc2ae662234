"""SPEC G1: the language reference."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from yaoki.systems.chat.vector.corpus import topics

WITH = """
    The "with" statement
    ********************

    The "with" statement is used to wrap the execution of a block.

       with_stmt ::= "with" with_item ":" suite

    With more than one item, they are processed as if nested.
    """
NAMES = """
    Special method names
    ********************

    A class can implement certain operations by special names.

    The "with" statement is used to wrap the execution of a block.


    Basic customization
    ===================

    object.__repr__(self)

       Called by the "repr()" built-in function.

       This is typically used for debugging.

    object.__lt__(self, other)
    object.__le__(self, other)

       These are the so-called rich comparison methods.

    Ordinary text goes on here after the entries of the section.
    """


def passages(**texts: str) -> dict[str, topics.Passage]:
    return {
        passage.id: passage for passage in topics.passages({label: dedent(text).lstrip("\n") for label, text in texts.items()})
    }


def test_g1_a_topic_stands_under_its_label_and_its_title() -> None:
    """SPEC G1: `help("with")` is where it stands; quotes are not part of a title."""
    found = passages(**{"with": WITH})["language/with"]

    assert found.title == "The with statement"
    assert "help('with')" in found.source
    assert found.text.startswith('The "with" statement is used')


def test_g1_an_equal_paragraph_counts_once_in_the_smallest_topic() -> None:
    """SPEC G1: `specialnames` and `compound` repeat most of what others say."""
    found = passages(specialnames=NAMES, **{"with": WITH})

    assert "wrap the execution" in found["language/with"].text
    assert not [key for key, passage in found.items() if "wrap the execution" in passage.text and key != "language/with"]


def test_g1_what_a_topic_describes_one_by_one_are_passages() -> None:
    """SPEC G1: `object.__repr__(self)` and what is indented under it; what follows belongs to the section again."""
    found = passages(specialnames=NAMES)

    assert found["language/specialnames/object.__repr__"].text.endswith("This is typically used for debugging.")
    assert found["language/specialnames/object.__repr__"].signature == "object.__repr__(self)"
    assert found["language/specialnames/object.__lt__"].signature == "object.__lt__(self, other) object.__le__(self, other)"
    assert found["language/specialnames#2"].title == "Special method names: Basic customization"
    assert found["language/specialnames#2"].text.startswith("Ordinary text")


def test_g1_a_section_without_a_sentence_is_no_passage() -> None:
    """SPEC G1: grammars and tables alone make no answer."""
    assert passages(grammar='Grammar\n*******\n\n   x ::= "a"\n\n+---+\n| a |\n+---+\n') == {}


def test_g1_the_file_is_read_not_run(tmp_path: Path) -> None:
    """SPEC X5: its dictionary is taken as a literal; anything else gives nothing."""
    file = tmp_path / "topics.py"
    file.write_text("# made\ntopics = {'a': 'x' 'y', 'b': 1}\n", "utf-8")
    assert topics.read(file) == {"a": "xy"}

    file.write_text("topics = {'a': open('/etc/hostname').read()}", "utf-8")
    assert topics.read(file) == {}
    assert topics.read(tmp_path / "missing.py") == {}
