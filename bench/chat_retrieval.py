"""`python -m bench.chat_retrieval`: how often the chat's retrieval finds what answers a question, and when it refuses.

Asks the labelled questions of `tests/systems/chat/questions.toml` of an index of the Python that runs, and prints recall@1 and @5
of each kind, how many questions were refused, and the times. With `--misses`, every question that was not found, and what was.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yaoki.systems.chat.answer import answer
from yaoki.systems.chat.vector.hits import Hit
from yaoki.systems.chat.vector.index import ChatIndex

QUESTIONS = Path(__file__).parents[1] / "tests" / "systems" / "chat" / "questions.toml"
K = 5


@dataclass(frozen=True)
class Asked:
    """One question and what came of it. `rank`: that of the first right passage, or 0."""

    question: str
    names: tuple[str, ...]
    hits: tuple[Hit, ...]
    rank: int
    answered: bool
    shown: bool
    search_seconds: float
    answer_seconds: float


def questions() -> dict[str, dict[str, list[str]]]:
    """Kind to question to the names that answer it."""
    return tomllib.loads(QUESTIONS.read_text("utf-8"))


def ask_all(index: ChatIndex, labelled: Mapping[str, Sequence[str]]) -> list[Asked]:
    """Ask every question."""
    return [ask(index, question, names) for question, names in labelled.items()]


def ask(index: ChatIndex, question: str, names: Sequence[str]) -> Asked:
    begin = time.perf_counter()
    hits = index.search(question, K)
    middle = time.perf_counter()
    answered = answer(question, hits, index)
    end = time.perf_counter()
    right = [is_right(index, hit.id, names) for hit in hits]
    shown = any(is_right(index, entry.id, names) for entry in answered.entries)
    rank = right.index(True) + 1 if any(right) else 0
    return Asked(question, tuple(names), tuple(hits), rank, answered.found, shown, middle - begin, end - middle)


def is_right(index: ChatIndex, key: str, names: Sequence[str]) -> bool:
    """Whether the passage is one of these names, or the name's topic of the language reference."""
    called = {*index.names(key)}
    if key.startswith("language/"):
        called.update(key.partition("#")[0].removeprefix("language/").split("/"))
    return not called.isdisjoint(names)


def recall(asked: Sequence[Asked], at: int) -> float:
    """The share of the questions with a right passage among the first `at`."""
    return sum(0 < one.rank <= at for one in asked) / len(asked)


def refused(asked: Sequence[Asked]) -> float:
    """The share of the questions that got no answer."""
    return sum(not one.answered for one in asked) / len(asked)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chat_retrieval", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with an index to ask; by default one is built and thrown away")
    parser.add_argument("--misses", action="store_true", help="print the questions that were not found")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as thrown_away:
        begin = time.perf_counter()
        index = ChatIndex.open_or_build(options.data or Path(thrown_away))
        opened = time.perf_counter() - begin
    print(
        f"Python {sys.version.partition(' ')[0]}, {len(index)} passages, {'built' if index.built else 'opened'} in {opened:.2f} s"
    )
    print(f"{'':14}{'questions':>10}{'recall@1':>10}{'recall@5':>10}{'shown':>8}{'refused':>9}")
    every: list[Asked] = []
    for kind, labelled in questions().items():
        asked = ask_all(index, labelled)
        every += asked
        figures = f"{recall(asked, 1):10.2f}{recall(asked, K):10.2f}{sum(one.shown for one in asked) / len(asked):8.2f}"
        print(f"{kind:14}{len(asked):10}{figures if any(one.names for one in asked) else ' ' * 28}{refused(asked):9.2f}")
        if options.misses:
            for one in asked:
                if one.names and not one.rank:
                    print(f"    {one.question}: {', '.join(hit.title for hit in one.hits)}")
                elif bool(one.names) != one.answered:
                    print(f"    {one.question}: {'answered' if one.answered else 'refused'}")
    for what, seconds in {
        "search": [one.search_seconds for one in every],
        "answer": [one.answer_seconds for one in every],
    }.items():
        centiles = statistics.quantiles(seconds, n=100)
        print(f"{what}: p50 {centiles[49] * 1e3:.2f} ms, p99 {centiles[98] * 1e3:.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
