"""SPEC G1: a document's text as blocks."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.systems.chat.segmentation.blocks import Kind, read


def kinds(text: str) -> list[tuple[Kind, str]]:
    return [(block.kind, block.text) for block in read(dedent(text).strip("\n"))]


def test_g1_prose_is_one_line() -> None:
    """SPEC G1: a paragraph is one line whatever its lines were."""
    assert kinds("One\ntwo.\n\nThree.") == [("prose", "One two."), ("prose", "Three.")]


def test_g1_indented_statements_are_code() -> None:
    """SPEC G1: code keeps its lines, blank ones too."""
    text = """
        The following code:

            with EXPRESSION as TARGET:
                SUITE

            print(TARGET)

        is equivalent to what comes next.
        """

    assert kinds(text) == [
        ("prose", "The following code:"),
        ("code", "with EXPRESSION as TARGET:\n    SUITE\n\nprint(TARGET)"),
        ("prose", "is equivalent to what comes next."),
    ]


def test_g1_indented_sentences_are_prose() -> None:
    """SPEC G1: indentation alone makes no code."""
    text = """
        Note:

          The statement guarantees that it will always be called
          at the end.
        """

    assert kinds(text)[1] == ("prose", "The statement guarantees that it will always be called at the end.")


def test_g1_a_session_is_code() -> None:
    """SPEC G1: `>>>` begins code even in the middle of a paragraph's lines."""
    assert kinds("Merge inputs.\n>>> list(merge([1], [2]))\n[1, 2]") == [
        ("prose", "Merge inputs."),
        ("code", ">>> list(merge([1], [2]))\n[1, 2]"),
    ]


def test_g1_items_are_a_list() -> None:
    """SPEC G1: bullets and numbers make a list, with what is indented under them."""
    text = """
        It works as follows:

        1. The first step is
           taken.

        2. Then:

             The second.

        After that it ends.
        """

    assert [kind for kind, _ in kinds(text)] == ["prose", "list", "prose"]


def test_g1_names_with_explanations_are_a_list() -> None:
    """SPEC G1: "name: what it is" line by line is a list."""
    text = """
        Attributes:
          args: The list that was passed.
          returncode: The exit code of the process,
            negative for signals.
        """

    assert [kind for kind, _ in kinds(text)] == ["prose", "list"]


def test_g1_calls_with_results_are_a_list() -> None:
    """SPEC G1: the lines of a C docstring are no sentence."""
    assert kinds("dict() -> new empty dictionary\ndict(iterable) -> new dictionary")[0][0] == "list"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Title\n=====", "heading"),
        ('while_stmt ::= "while" expression', "grammar"),
        ("+----+----+\n| a  | b  |\n+----+----+", "table"),
        ("===== =====\n'r'   read\n'w'   write\n===== =====", "table"),
    ],
)
def test_g1_what_is_no_sentence_is_told(text: str, kind: Kind) -> None:
    """SPEC G1: headings, grammars and tables are not prose."""
    assert [block.kind for block in read(text)] == [kind]


@given(
    st.lists(st.sampled_from(["", "  - a", "word and words.", "    x = 1", ">>> f()", "====", "a: b", "End:", "\tt", "1. x"]))
)
def test_g1_nothing_is_lost(lines: list[str]) -> None:
    """SPEC G1: every word of a document is in one of its blocks, in order."""
    text = "\n".join(lines)

    assert " ".join(block.raw for block in read(text)).split() == text.split()


@given(st.text())
def test_g1_any_text_has_blocks(text: str) -> None:
    """SPEC G1: no document is an error."""
    assert all(block.raw for block in read(text))
