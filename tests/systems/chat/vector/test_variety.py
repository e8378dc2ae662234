"""SPEC G1: the passages that are found do not repeat each other."""

from __future__ import annotations

from yaoki.systems.chat.vector.corpus.passage import Passage
from yaoki.systems.chat.vector.index.content import Content
from yaoki.systems.chat.vector.index.document import Document, Origin


def passage(name: str, text: str = "Boil water at home.", *, part: int = 1, signature: str = "", document: str = "") -> Passage:
    return Passage(name, part, name, text, "somewhere", signature, document=document)


def found(passages: list[Passage], k: int, origin: Origin = "library") -> list[str]:
    content = Content([Document.of(origin, "d", passages)], "")
    return [content.passages[number].id for number, _ in content.by_words("boil water", k)]


def test_g1_one_passage_of_a_name() -> None:
    """SPEC G1: a long docstring does not crowd out the others, however many parts it has."""
    parts = [passage("a.long", part=part) for part in range(1, 200)]
    other = passage("a.other", "Something about water, among many other things that are not asked for here at all today.")

    assert found([*parts, other], 3) == ["a.long", "a.other"]


def test_g1_two_members_of_a_class() -> None:
    """SPEC G1: its methods are one subject, whether its own passage says how it is called or only its name that it is a class."""
    members = [passage(f"a.Kettle.boil{number}") for number in range(5)]
    small = [passage("a.pot", "A vessel.", signature="a.pot(size)"), *(passage(f"a.pot.boil{number}") for number in range(5))]

    assert found(members, 5) == ["a.Kettle.boil0", "a.Kettle.boil1"]
    assert found(small, 5) == ["a.pot.boil0", "a.pot.boil1"]


def test_g1_functions_of_a_module_are_each_their_own_subject() -> None:
    """SPEC G1: a question about a module finds as many of its functions as are asked for."""
    functions = [passage("kitchen", "A room."), *(passage(f"kitchen.boil{number}") for number in range(5))]

    assert len(found(functions, 5)) == 5


def test_g1_two_passages_of_a_topic() -> None:
    """SPEC G1: a topic of the language reference is one subject, with all that it describes one by one."""
    topic = [passage(f"language/tea/object.boil{number}") for number in range(5)]

    assert len(found([*topic, passage("a.other")], 5)) == 3


def test_g1_two_passages_under_the_same_headings_of_a_document() -> None:
    """SPEC G1: a document of the user is no repetition of itself, but no chapter takes every place."""
    chapters = [passage("One", part=part, document="d") for part in range(1, 5)]
    chapters += [passage("Two", part=part, document="d") for part in range(5, 9)]

    assert len(found(chapters, 5, "user")) == 4
