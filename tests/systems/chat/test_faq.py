"""The prepared answers."""

from __future__ import annotations

import pytest

from yaoki.systems.chat.faq import Faq

FAQ = Faq()


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("What is this?", "what-is-this"),
        ("How can I stop the service", "how-to-stop"),
        ("いつ復旧しますか？", "how-to-heal"),
        ("What do the modes mean?", "what-do-modes-mean"),
    ],
)
def test_a_question_finds_its_prepared_answer(question: str, entry: str) -> None:
    """SPEC G3: a question is matched by its words, in both languages."""
    found = FAQ.find(question)

    assert found is not None
    assert found.id == entry


@pytest.mark.parametrize(
    "question",
    [
        "How do I stop a thread?",
        "What does mode mean in open()?",
        "How do I break out of a loop?",
        "",
        "？",
        "capital of Australia",
    ],
)
def test_other_questions_find_none(question: str) -> None:
    """SPEC G3: a prepared answer is never given to another question."""
    assert FAQ.find(question) is None


def test_every_entry_speaks_both_languages() -> None:
    """SPEC K3: Japanese and English."""
    for entry in FAQ.entries:
        assert set(entry.questions) == set(entry.answers) == {"en", "ja"}
        assert entry.to_dict("ja")["question"] in entry.questions["ja"]
        for questions in entry.questions.values():
            for question in questions:
                assert FAQ.find(question) is entry
