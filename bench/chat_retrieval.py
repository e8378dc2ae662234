"""`python -m bench.chat_retrieval`: how often the chat's retrieval finds what answers a question, and when it refuses.

Asks the labelled questions of an index of the Python that runs, by words alone and, where there is an embedder, by words and meaning
too. Prints recall@1 and @5 of each kind, how many questions were refused, and the times. Weights were chosen on both halves of the
strangers' questions, on those of `develop` and on the older ones; what they are worth say the `fresh` questions of another stranger
alone. `--misses` prints every question that was not found, what answers it, and what was found. Embedding the whole index takes
minutes; with `--data` that is done once.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.systems.chat.labelled.sets import Half, QuestionKind
from tests.systems.chat.labelled.sets import questions as labelled_questions
from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
from yaoki.systems.chat.embeddings.find import find_embedder
from yaoki.systems.chat.extractive.answer import answer
from yaoki.systems.chat.vector.index.hits import Hit
from yaoki.systems.chat.vector.index.index import ChatIndex
from yaoki.systems.chat.vector.meanings.embedding_job import EmbeddingJob

QUESTIONS = Path(__file__).parents[1] / "tests" / "systems" / "chat" / "questions.toml"
K = 5
SIZE = 10_000


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
    """Kind to question to the names that answer it: the older questions."""
    return tomllib.loads(QUESTIONS.read_text("utf-8"))


def strangers_questions(half: Half) -> dict[str, dict[str, Sequence[str]]]:
    """The same of one half of the questions that a stranger wrote."""
    found: dict[str, dict[str, Sequence[str]]] = {kind.value: {} for kind in QuestionKind}
    for question in labelled_questions():
        if question.half is half:
            found[question.kind.value][question.text] = question.names
    return found


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


def answerable(asked: Iterable[Sequence[Asked]]) -> list[Asked]:
    """Of all kinds, the questions that something answers."""
    return [one for kind in asked for one in kind if one.names]


def ordinary(asked: Mapping[str, Sequence[Asked]]) -> list[Asked]:
    """Of a stranger's kinds, those that the promises of the retrieval speak of; the older questions have other kinds."""
    kinds = [kind for kind in QuestionKind if kind.is_ordinary]
    return [one for kind in kinds for one in asked[kind]] if asked.keys() >= set(kinds) else []


def measure(index: ChatIndex, name: str, kinds: Mapping[str, Mapping[str, Sequence[str]]], *, misses: bool) -> list[Asked]:
    """Ask these questions and print a line for each kind, then one for the ordinary and one for all that can be answered."""
    asked = {kind: ask_all(index, labelled) for kind, labelled in kinds.items()}
    print(f"{name:36}{'questions':>10}{'recall@1':>10}{'recall@5':>10}{'shown':>8}{'refused':>9}")
    for kind, each in {**asked, "ordinary": ordinary(asked), "all answerable": answerable(asked.values())}.items():
        if not each:
            continue
        figures = f"{recall(each, 1):10.2f}{recall(each, K):10.2f}{sum(one.shown for one in each) / len(each):8.2f}"
        print(f"    {kind:32}{len(each):10}{figures if any(one.names for one in each) else ' ' * 28}{refused(each):9.2f}")
        if misses and kind in asked:
            _print_misses(each)
    return [one for each in asked.values() for one in each]


def _print_misses(asked: Sequence[Asked]) -> None:
    for one in asked:
        nearest = max((hit.similarity for hit in one.hits if hit.similarity is not None), default=0.0)
        if one.names and not one.rank:
            print(f"        {one.question} ({', '.join(one.names)}): {', '.join(hit.title for hit in one.hits)}")
        if bool(one.names) != one.answered:
            print(f"        {one.question}: {'answered' if one.answered else 'refused'} ({nearest:.2f})")


def embed_all(index: ChatIndex, settings: EmbeddingsConfiguration) -> bool:
    """Whether there is an embedder; then every passage has its vector."""
    embedder = find_embedder(settings)
    if embedder is None:
        return False
    index.use(embedder)
    if sum(index.take_vectors()) != 2 * index.take_vectors()[1]:
        job = EmbeddingJob(index.file, settings)
        for done, of in job.progress():
            print(f"\rembedding {done} / {of}", end="", file=sys.stderr)
        job.end()
        print(file=sys.stderr)
        if job.problem:
            raise SystemExit(job.problem)
        index.take_vectors()
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chat_retrieval", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with an index to ask; by default one is built and thrown away")
    parser.add_argument("--model", type=Path, help="folder with all-MiniLM-L6-v2; by default that of the installed package")
    parser.add_argument("--misses", action="store_true", help="print the questions that were not found")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as thrown_away:
        begin = time.perf_counter()
        index = ChatIndex.open_or_build(options.data or Path(thrown_away))
        opened = time.perf_counter() - begin
        what = "built" if index.built else "opened"
        print(f"Python {sys.version.partition(' ')[0]}, {len(index)} passages, {what} in {opened:.2f} s\n")
        _measure_all(index, misses=options.misses)
        settings = EmbeddingsConfiguration.model_validate({"embeddings_folder": options.model})
        if embed_all(index, settings):
            _measure_all(index, misses=options.misses)
        else:
            print("By words and meaning: not measured, since there is no model (see docs/guide/chat-documents.md).")
    return 0


def _measure_all(index: ChatIndex, *, misses: bool) -> None:
    print(f"By words{' and meaning' if index.retrieval == 'hybrid' else ''}")
    every = measure(index, "strangers' questions, second half", strangers_questions(Half.REPORT), misses=misses)
    every += measure(index, "fresh questions, never tuned on", strangers_questions(Half.FRESH), misses=misses)
    every += measure(index, "strangers' questions, first half", strangers_questions(Half.TUNE), misses=misses)
    every += measure(index, "further questions, to choose by", strangers_questions(Half.DEVELOP), misses=misses)
    every += measure(index, "older questions", questions(), misses=misses)
    for what, seconds in {
        "search": [one.search_seconds for one in every],
        "answer": [one.answer_seconds for one in every],
    }.items():
        centiles = statistics.quantiles(seconds, n=100)
        print(f"{what}: p50 {centiles[49] * 1e3:.2f} ms, p99 {centiles[98] * 1e3:.2f} ms")
    print()


if __name__ == "__main__":
    sys.exit(main())
