"""SPEC G1: the labelled sets are whole, so that what is measured on them means what it says."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.systems.chat.labelled.sets import Half, PairKind, QuestionKind, cache_pairs, questions
from yaoki.systems.chat.vector.corpus.collect import Sources

QUESTIONS = questions()
PAIRS = cache_pairs()


def test_g1_each_half_has_its_questions_of_every_kind() -> None:
    """SPEC G1: 40 ordinary questions, 10 of them about the language, 10 paraphrases, 10 unanswerable, half of each in each half."""
    of_one_half = {
        QuestionKind.LIBRARY: 15,
        QuestionKind.LANGUAGE: 5,
        QuestionKind.PARAPHRASE: 5,
        QuestionKind.UNANSWERABLE: 5,
    }

    for half in (Half.TUNE, Half.REPORT):
        assert Counter(question.kind for question in QUESTIONS if question.half is half) == of_one_half


def test_g1_the_fresh_half_has_as_many_questions_as_the_two_others() -> None:
    """SPEC G1: it alone has 40 ordinary questions, 10 of them about the language, 10 paraphrases and 10 unanswerable."""
    assert Counter(question.kind for question in QUESTIONS if question.half is Half.FRESH) == {
        QuestionKind.LIBRARY: 30,
        QuestionKind.LANGUAGE: 10,
        QuestionKind.PARAPHRASE: 10,
        QuestionKind.UNANSWERABLE: 10,
    }


def test_g1_there_are_more_questions_to_choose_by_than_to_report_with() -> None:
    """SPEC G1: what is chosen on a few questions holds for those few."""
    counts = Counter(question.half for question in QUESTIONS)

    assert counts[Half.DEVELOP] > 3 * counts[Half.FRESH]


def test_g1_each_half_has_its_pairs_of_every_kind() -> None:
    """SPEC G1: 10 paraphrases, 10 opposites and 15 pairs of other subjects, the odd one for choosing; 50 more are for choosing too, 60 are fresh."""
    kinds = {half: Counter(pair.kind for pair in PAIRS if pair.half is half) for half in Half}

    assert kinds[Half.TUNE] == {PairKind.PARAPHRASE: 5, PairKind.OPPOSITE: 5, PairKind.OTHER_SUBJECT: 8}
    assert kinds[Half.REPORT] == {PairKind.PARAPHRASE: 5, PairKind.OPPOSITE: 5, PairKind.OTHER_SUBJECT: 7}
    assert kinds[Half.TUNE2] == {PairKind.PARAPHRASE: 20, PairKind.OPPOSITE: 12, PairKind.OTHER_SUBJECT: 18}
    assert kinds[Half.FRESH] == {PairKind.PARAPHRASE: 20, PairKind.OPPOSITE: 20, PairKind.OTHER_SUBJECT: 20}


def test_g1_no_question_stands_twice() -> None:
    """SPEC G1: neither in both halves, nor in the older set that weights were chosen on before."""
    older = tomllib.loads((Path(__file__).parents[1] / "questions.toml").read_text("utf-8"))
    texts = [_plain(question.text) for question in QUESTIONS]

    assert _twice(texts) == set()
    assert {_plain(text) for labelled in older.values() for text in labelled} & set(texts) == set()


def test_g1_no_question_stands_in_two_pairs() -> None:
    """SPEC G1: what one pair teaches about a question says nothing about another pair."""
    assert _twice([_plain(text) for pair in PAIRS for text in (pair.before, pair.now)]) == set()


def test_g1_only_the_unanswerable_have_no_answer() -> None:
    """SPEC G1: every other question names one at least, and none twice."""
    for question in QUESTIONS:
        assert bool(question.names) == (question.kind is not QuestionKind.UNANSWERABLE), question.text
        assert len(set(question.names)) == len(question.names), question.text


@pytest.mark.timeout(300)
def test_g1_every_answer_is_in_the_corpus() -> None:
    """SPEC G1: under its name, a further name, or its label in the language reference."""
    known: set[str] = set()
    for passage in Sources.running().collect(lambda progress: None).passages:
        known.update((passage.name, *passage.aliases))
        if passage.name.startswith("language/"):
            known.update(passage.name.split("/")[1:])

    missing = {name for question in QUESTIONS for name in question.names} - known
    assert missing == set()


def _plain(text: str) -> str:
    return " ".join(text.casefold().rstrip("?").split())


def _twice(texts: list[str]) -> set[str]:
    return {text for text, times in Counter(texts).items() if times > 1}
