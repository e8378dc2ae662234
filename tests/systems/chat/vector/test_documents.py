"""SPEC G1: files of the four kinds, read into sections and cut into passages."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from yaoki.systems.chat.vector.documents import html, markdown, restructured_text
from yaoki.systems.chat.vector.documents.chunks import LONGEST, LONGEST_CHARACTERS, chunks
from yaoki.systems.chat.vector.documents.files import found_files
from yaoki.systems.chat.vector.documents.reading import READERS, document_of_file, document_of_text
from yaoki.systems.chat.vector.documents.section import Section
from yaoki.systems.chat.vector.errors import DocumentError
from yaoki.systems.chat.vector.index.document import Document


def told(sections: list[Section]) -> list[tuple[str, str]]:
    """The headings of each section as one text, and its text."""
    return [(" / ".join(section.headings), section.text) for section in sections]


def read_file(folder: Path, name: str, content: str | bytes) -> Document:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return document_of_file(file, name)


def test_g1_markdown_is_cut_at_headings_of_both_forms() -> None:
    """SPEC G1: what looks like a heading inside fenced code is none; comments are nobody's text."""
    text = dedent("""\
        Before.

        # One *bold* `name` #
        First. <!-- hidden -->
        ```sh
        # no heading
        ```
        Two
        ---
        Second.
        ### Deep
        Third.
        # Last
        """)

    assert told(markdown.read(text)) == [
        ("", "Before."),
        ("One bold name", "First. \n```sh\n# no heading\n```"),
        ("One bold name / Two", "Second."),
        ("One bold name / Two / Deep", "Third."),
    ]


def test_g1_markdown_links_are_their_texts_and_front_matter_gives_the_title() -> None:
    """SPEC G1: an address is no word of the text; lines still count from the top of the file."""
    text = '---\ntitle: "Cooking"\ntags: x\n---\n\nSee [the oven](https://example.org/oven_(hot) "x") and ![it](a.png).\n\n[a]: http://b\n'

    (section,) = markdown.read(text)

    assert (section.headings, section.text, section.line) == (("Cooking",), "See the oven and it.", 6)


def test_g1_restructured_text_is_cut_at_titles_and_described_objects() -> None:
    """SPEC G1: an object that Sphinx describes is a section with its signature; directives for machines are left out."""
    text = dedent("""\
        =====
        Guide
        =====

        .. _label:

        See :func:`~os.walk` and `the site <https://example.org>`_.

        Locks
        -----

        .. index:: lock
           single: lock

        .. function:: wait_for(aw, timeout)
                      wait_for(aw)

           Wait for it::

              code

           .. versionadded:: 3.4
           :param aw: hidden

        Outside.

        .. note:: Careful.
        """)

    sections = restructured_text.read(text)

    assert told(sections) == [
        ("Guide", "See os.walk and the site."),
        ("Guide / Locks / wait_for", "Wait for it::\n\n   code\n\nAdded in version 3.4"),
        ("Guide / Locks", "Outside.\n\nCareful."),
    ]
    assert [section.signature for section in sections] == ["", "wait_for(aw, timeout)", ""]


def test_g1_html_is_what_a_reader_sees() -> None:
    """SPEC G1: scripts, styles and navigation are not read; code keeps its lines."""
    text = (
        "<html><head><title>Guide &amp; Co</title><style>p {}</style></head><body><nav>Home</nav><h1>One<a>¶</a></h1>"
        "<p>First <b>words</b>,<br>more.<ul><li>a<li>b</ul><pre>if x:\n    y</pre><script>z()</script><h2>Two</h2>Last"
    )

    assert told(html.read(text)) == [
        ("Guide & Co / One", "First words,\nmore.\n\n- a\n\n- b\n\nif x:\n    y"),
        ("Guide & Co / One / Two", "Last"),
    ]


def test_g1_a_passage_tells_where_it_stands(tmp_path: Path) -> None:
    """SPEC G1: the file with the line, the heading with the one above; the id is the file's, with a number from the second on."""
    document = read_file(tmp_path, "cook.md", "# Cooking\n\n## Bread\n\nBake it.\n\n### Dark\n\nBake it longer.\n")

    first, second = document.passages

    assert (first.id, first.title, first.source) == (str(tmp_path / "cook.md"), "Cooking: Bread", "cook.md, line 5")
    assert (second.id, second.title) == (f"{tmp_path / 'cook.md'}#2", "Bread: Dark")
    assert second.name == "Cooking / Bread / Dark"


def test_g1_a_text_that_is_handed_over_keeps_its_title_and_source() -> None:
    """SPEC G1: the title stands in front of the headings inside it."""
    document = document_of_text("a1", "Plain words.\n\n# Part\n\nMore.", "Handbook", "page 3")

    assert [(each.id, each.title, each.source) for each in document.passages] == [
        ("a1", "Handbook", "page 3"),
        ("a1#2", "Handbook: Part", "page 3"),
    ]


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_g1_every_kind_is_read_in_japanese(tmp_path: Path, suffix: str) -> None:
    """SPEC G1: all kinds are UTF-8, with or without a mark, with any line ends."""
    document = read_file(tmp_path, f"文書{suffix}", "\ufeff明日の天気は雨です。\r\n".encode())

    assert [passage.text for passage in document.passages] == ["明日の天気は雨です。"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sjis.html", '<meta charset="shift_jis"><p>天気'.encode("shift_jis")),
        ("utf16.txt", "天気".encode("utf-16")),
        ("latin.html", b"<meta charset='utf-8'><p>" + "天気".encode()),
    ],
)
def test_g1_other_encodings_are_read_where_the_file_names_them(tmp_path: Path, name: str, content: bytes) -> None:
    """SPEC G1: a byte-order mark or the page's own word for it."""
    assert read_file(tmp_path, name, content).passages[0].text == "天気"


@pytest.mark.parametrize("content", [b"caf\xe9", b"PK\x03\x04\0\0", b"charset=nonsense \xff"])
def test_g1_what_is_no_text_is_refused_with_the_file(tmp_path: Path, content: bytes) -> None:
    """SPEC G1: the message names the file and says what is wrong."""
    with pytest.raises(DocumentError, match=r"bad\.txt is not text") as raised:
        read_file(tmp_path, "bad.txt", content)

    assert raised.value.field == str(tmp_path / "bad.txt")


def test_g1_an_empty_file_has_no_passages(tmp_path: Path) -> None:
    """SPEC G1: there is nothing to find in it, and nothing wrong with it."""
    assert read_file(tmp_path, "empty.md", "\n \n").passages == ()


def test_g1_hidden_files_and_links_to_folders_are_left_out(tmp_path: Path) -> None:
    """SPEC G1: a walk ends, and takes what can be read, in a fixed order."""
    for name in ("b.md", "a.txt", ".hidden.md", "x.png", ".git/c.md", "sub/d.RST", "node_modules/e.md"):
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text("x", "utf-8")
    (tmp_path / "docs" / "sub" / "loop").symlink_to(tmp_path / "docs")

    assert list(found_files([tmp_path / "docs"]).values()) == ["docs/a.txt", "docs/b.md", "docs/sub/d.RST"]
    assert next(iter(found_files([tmp_path / "docs" / "b.md", tmp_path / "docs"]).values())) == "b.md"


@pytest.mark.parametrize(("name", "why"), [("gone", "is not there"), ("x.png", "is none of the kinds")])
def test_g1_a_path_that_cannot_be_read_is_refused(tmp_path: Path, name: str, why: str) -> None:
    """SPEC G1: before anything is indexed."""
    (tmp_path / "x.png").write_bytes(b"")

    with pytest.raises(DocumentError, match=why):
        found_files([tmp_path / name])


def test_g1_pieces_end_at_paragraphs_and_after_what_a_colon_announced() -> None:
    """SPEC G1: a piece is about 150 words, and code stays with the words before it."""
    paragraph = "word " * 60
    announced = "Do it like this:\n\n```\na\n\nb\n```"

    pieces = list(chunks("\n\n".join([paragraph, paragraph, paragraph + "so:", "code " * 10, announced])))

    assert [len(piece.split()) for piece in pieces] == [120, 61 + 10 + 8]
    assert pieces[1].endswith("```\na\n\nb\n```")


@pytest.mark.parametrize("text", ["x" * 100_000, "あ" * 20_000, "word " * 20_000, "- item\n" * 20_000, "A sentence. " * 5000])
def test_g1_no_piece_is_longer_than_allowed(text: str) -> None:
    """SPEC G1: whatever a text looks like, none of it is lost and each piece can be read."""
    pieces = list(chunks(text))

    assert max(map(len, pieces)) <= LONGEST_CHARACTERS
    assert max(len(piece.split()) for piece in pieces) <= LONGEST
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<![1", "<![1"),
        ("a<![CDATA[b < c]]>", "ab < c"),
        ("a<![if !IE]>b<![endif]>", "ab"),
        ("<![other[x", "<![other[x"),
        ("<!DOCTYPE html><p>a", "a"),
        ("<?php x ?>a", "a"),
    ],
)
def test_g1_broken_html_is_read_as_far_as_it_is_text(text: str, read: str) -> None:
    """SPEC G1: what makes the standard parser raise is text."""
    assert [section.text for section in html.read(text)] == [read]


MARKUP = st.text("# -=`~<>[]()*:.|\n_\\&;!ab あ。1", max_size=80)


@given(MARKUP)
@example("<![1")
def test_g1_any_text_can_be_a_document(text: str) -> None:
    """SPEC G1: no reader raises, and ids are unique."""
    for reader in (html.read, markdown.read, restructured_text.read):
        assert all(section.text.strip() for section in reader(text))
    keys = [passage.id for passage in document_of_text("k", text).passages]

    assert len(keys) == len(set(keys))
