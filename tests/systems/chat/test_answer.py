"""SPEC G1, G3: answers without a model: word for word, with the source, or an honest "nothing found"."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.systems.chat.extractive import extracts
from yaoki.systems.chat.extractive.answer import Answer, answer
from yaoki.systems.chat.extractive.extracts import Extract
from yaoki.systems.chat.vector.corpus.collect import Sources
from yaoki.systems.chat.vector.index.hits import Hit
from yaoki.systems.chat.vector.index.index import ChatIndex

BOIL = Hit(
    "kitchen.boil",
    "Boil the water until it bubbles.\n\nSalt may be added afterwards.\n\nRaises TimeoutError when the water is not hot in time. "
    "The pot stays. Usage:\n\n    await boil(water, timeout=3)\n    serve()\n",
    12.5,
    "kitchen.boil",
    "kitchen.boil(water, timeout=None)",
    "kitchen/stove.py, line 4",
)


def texts(question: str, text: str) -> list[str]:
    """The sentences that are quoted of a passage."""
    (entry,) = answer(question, [Hit("a.f", text, 1.0, "a.f")]).entries
    return [extract.text for extract in entry.extracts]


def test_g1_an_entry_is_a_signature_sentences_and_a_source() -> None:
    """SPEC G1: the lead sentence and what fits the question best, word for word, with the place where it stands."""
    (entry,) = answer("How hot is the water in time?", [BOIL]).entries

    assert (entry.id, entry.signature, entry.source, entry.score) == (BOIL.id, BOIL.signature, BOIL.source, BOIL.score)
    assert entry.extracts[0] == Extract("Boil the water until it bubbles.")
    assert "Raises TimeoutError when the water is not hot in time." in [extract.text for extract in entry.extracts]
    assert all(extract.text in BOIL.text for extract in entry.extracts)


def test_g1_a_colon_carries_what_it_announces() -> None:
    """SPEC G1: a sentence that ends in a colon is shown with its code, whose lines stay."""
    (entry,) = answer("How do I boil water?", [BOIL]).entries

    assert Extract("Usage:", "await boil(water, timeout=3)\nserve()") in entry.extracts


def test_g1_a_colon_before_a_paragraph_goes_on_in_it() -> None:
    """SPEC G1: "Note:" alone says nothing."""
    assert texts("does the statement guarantee it", "Note:\n\n  The statement guarantees it at the end.") == [
        "Note: The statement guarantees it at the end."
    ]


def test_g1_questions_for_an_exception_prefer_sentences_that_raise() -> None:
    """SPEC G1: "Which exception …" is answered by what is raised."""
    text = "Read the file. The file is an exception to most files. Another file follows. Raises OSError upon failure."

    assert "Raises OSError upon failure." in texts("Which exception does reading the file give?", text)


def test_g1_a_signature_line_is_no_lead() -> None:
    """SPEC G1: neither is a note about a version."""
    assert (
        texts("what is deleted", "delete(thing) -> None\n\nNew in version 3.2.\n\nThe thing is deleted.")[0]
        == "The thing is deleted."
    )


def test_g1_the_lead_of_a_list_is_the_list() -> None:
    """SPEC G1: where nothing is said in sentences, the list or the code is all there is."""
    (entry,) = answer(
        "new dict", [Hit("dict", "dict() -> new empty dict\ndict(pairs) -> new dict from pairs", 1.0, "dict")]
    ).entries

    assert entry.extracts == (Extract("", "dict() -> new empty dict\ndict(pairs) -> new dict from pairs"),)


def test_g1_at_most_three_entries_and_one_for_each_document() -> None:
    """SPEC G1: parts of one document are one entry; its lead comes from its first part."""
    parts = [Hit(f"a.f{part}", f"Boil water. Part {part}.", 5.0, "a.f") for part in ("#3", "#2", "")]
    others = [Hit(f"b.{name}", "Boil water too.", 4.0, f"b.{name}") for name in "xyz"]

    found = answer("boil water", [*parts[:2], *others]).entries

    assert [entry.title for entry in found] == ["a.f", "b.x", "b.y"]
    assert next(extract.text for extract in found[0].extracts) == "Boil water."
    assert found[0].id == "a.f#3"


def test_g1_what_covers_less_than_half_of_the_best_is_dropped() -> None:
    """SPEC G1: an entry that speaks of little of the question is noise beside one that speaks of all."""
    good = Hit("a.good", "How to boil cold salted water.", 9.0, "a.good")
    noise = Hit("a.noise", "Water is wet.", 8.0, "a.noise")

    assert [entry.id for entry in answer("boil cold salted water", [good, noise]).entries] == ["a.good"]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("boil water", True),
        ("boil soup", True),
        ("boil the sour soup", False),
        ("capital of Australia", False),
        ("", False),
        ("?!", False),
    ],
)
def test_g1_half_of_the_question_must_be_spoken_about(question: str, found: bool) -> None:
    """SPEC G1: below that, nothing was found."""
    assert answer(question, [BOIL]).found is found


@pytest.mark.parametrize(
    ("question", "similarity", "found"),
    [
        ("boil water", 0.39, True),
        ("boil water", 0.37, False),
        ("boil tractors", 0.45, False),
        ("ploughing tractors", 0.57, False),
        ("ploughing tractors", 0.59, True),
    ],
)
def test_g1_what_is_near_in_meaning_must_be_nearer_the_fewer_words_are_known(
    folder: Path, sources: Sources, question: str, similarity: float, found: bool
) -> None:
    """SPEC G1: where both are known, a question of foreign words is answered by what is very near, and else by nothing."""
    index = ChatIndex.open_or_build(folder, sources=sources)

    assert answer(question, [replace(BOIL, similarity=similarity)], index).found is found


def test_g1_where_only_meaning_is_known_it_decides() -> None:
    """SPEC G1: a search elsewhere tells how near its passages are, and not how rare words are."""
    assert answer("tractors", [replace(BOIL, similarity=0.46)]).found
    assert not answer("boil water", [replace(BOIL, similarity=0.44)]).found


def test_g1_only_the_first_five_passages_count() -> None:
    """SPEC G1: what stands far down answers nothing."""
    noise = [Hit(f"n{number}", "Nothing.", 9.0 - number, f"n{number}") for number in range(5)]

    assert not answer("boil water", [*noise, BOIL]).found
    assert not answer("boil water", []).found


def test_g1_hits_of_a_foreign_service_are_enough() -> None:
    """SPEC G1: id, text and score are all that is needed; the id is the title then."""
    (entry,) = answer("boil water", [Hit.from_dict({"id": 7, "text": "Boil the water.", "score": 1})]).entries

    assert (entry.title, entry.signature, entry.source) == ("7", "", "")


def test_g1_json_and_text() -> None:
    """SPEC G1: what a page and a conversation show; numbers lead to the sources."""
    given = answer("boil water", [BOIL])

    told = json.loads(json.dumps(given.to_dict()))
    assert told["found"] is True
    assert told["entries"][0]["extracts"][0] == {"text": "Boil the water until it bubbles.", "block": ""}
    assert given.text().startswith("From the documents:\n\n[1] kitchen.boil(water, timeout=None)\nBoil the water until")
    assert given.text("ja").startswith("文書から:")
    assert Answer(()).to_dict() == {"found": False, "entries": []}
    assert "nothing" in Answer(()).text()
    assert "見つかりませんでした" in Answer(()).text("ja")


def test_g1_japanese_is_quoted_sentence_by_sentence() -> None:
    """SPEC G1: questions and documents in Japanese are answered like others."""
    hit = Hit("文書", "お湯を沸かします。塩を入れます。火を止めます。", 1.0, "料理")

    assert texts_of(answer("塩を入れますか", [hit])) == ["お湯を沸かします。", "塩を入れます。"]


def test_x5_what_is_very_long_is_cut() -> None:
    """SPEC X5: a document of any size gives an answer of bounded size."""
    hit = Hit(
        "a",
        f"Boil water {'very ' * 100_000}long. The list:\n\n" + "\n".join(f"- boil {n} water" for n in range(1000)),
        1.0,
        "a",
    )

    (entry,) = answer("boil water", [hit]).entries

    assert len(entry.extracts[0].text) <= extracts.LONGEST_SENTENCE + 2
    listed = extracts.read("Boil water as follows:\n\n" + "\n".join(f"- boil {n} water" for n in range(1000)))[0]
    assert listed.block.count("\n") == extracts.LONGEST_BLOCK_LINES
    assert listed.block.endswith("…")


@pytest.mark.parametrize(
    "text", ["a(" + ")" * 20_000 + "!", "a," * 10_000, "x" * 20_000, ">" * 20_000, "1.\n" * 7_000, ":\n" * 9_000]
)
def test_x5_hostile_documents_are_no_burden(text: str) -> None:
    """SPEC X5: the work stays small for what no document would hold; the test's time limit holds it."""
    assert not answer("boil water", [Hit("a", text, 1.0, "a")]).found
    assert extracts.read(text) is not None


@given(st.text(max_size=60), st.lists(st.text(max_size=200), max_size=4))
def test_g1_any_question_and_any_document(question: str, documents: list[str]) -> None:
    """SPEC G1: nothing that a caller or a document says is an error; what is quoted is in the document."""
    hits = [Hit(f"d{number}", text, 1.0) for number, text in enumerate(documents)]

    given_answer = answer(question, hits)

    for entry in given_answer.entries:
        document = "".join(documents[int(entry.id[1:])].split())
        for extract in entry.extracts:
            assert "".join(extract.text.removesuffix("…").split()) in document.replace("::", ":") or extract.text in document
    json.dumps(given_answer.to_dict())


def texts_of(given: Answer) -> list[str]:
    return [extract.text for entry in given.entries for extract in entry.extracts]
