"""Which questions the answer cache serves an earlier answer to: by words alone, and by meaning where an embedder is installed.

Paraphrases should be served; opposites and other subjects never, nor, of the labelled questions, one for another that has different
answers. Words, phrases and the bound were chosen on the halves `tune`, `tune2` and `report`; what they are worth is told by the `fresh`
pairs of a stranger alone. Run by `make bench-chat`, or `python -m bench.chat_cache --pairs` for every pair with its figures, or
`--across` for every question of any set that is served to one that was not labelled as the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from tests.systems.chat.labelled.sets import CachePair, Half, PairKind, cache_pairs, questions
from yaoki.systems.chat.answer_cache.guards import disagreement
from yaoki.systems.chat.answer_cache.question import Question, read
from yaoki.systems.chat.answer_cache.similarity import likeness, may_share_an_answer
from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
from yaoki.systems.chat.embeddings.embedder import Embedder
from yaoki.systems.chat.embeddings.find import find_embedder

__all__ = ["Compared", "compare", "main"]


@dataclass(frozen=True, slots=True)
class Compared:
    """A pair, and how near its two questions are. `cosine`: None without an embedder. `guard`: which one holds them apart, if any."""

    pair: CachePair
    before: Question
    now: Question
    cosine: float | None

    @property
    def by_words(self) -> bool:
        """Whether the earlier answer is served where there are no embeddings."""
        return may_share_an_answer(self.before, self.now)

    @property
    def by_meaning(self) -> bool:
        """Whether it is served where there are."""
        return may_share_an_answer(self.before, self.now, self.cosine)

    def __str__(self) -> str:
        guard = disagreement(self.before, self.now) or "-"
        nearness = "" if self.cosine is None else f"{self.cosine:.3f} "
        return f"{nearness}{likeness(self.before, self.now):.2f} {guard:14} {self.pair.before} | {self.pair.now}"


def compare(pairs: Sequence[CachePair], embedder: Embedder | None) -> list[Compared]:
    """Every pair with its figures."""
    texts = sorted({text for pair in pairs for text in (pair.before, pair.now) if embedder and embedder.understands(text)})
    vectors = dict(zip(texts, embedder.embed(texts), strict=True)) if embedder and texts else {}
    found = []
    for pair in pairs:
        both = vectors.get(pair.before), vectors.get(pair.now)
        cosine = None if both[0] is None or both[1] is None else float(both[0] @ both[1])
        found.append(Compared(pair, read(pair.before), read(pair.now), cosine))
    return found


def others(half: Half) -> list[CachePair]:
    """Every two questions of the labelled set whose right answers are different ones."""
    asked = [question for question in questions() if question.half is half]
    return [
        CachePair(one.text, other.text, PairKind.OTHER_SUBJECT, half)
        for one, other in combinations(asked, 2)
        if not set(one.names) & set(other.names)
    ]


def across(embedder: Embedder | None) -> tuple[int, list[Compared]]:
    """How many pairs of labelled questions are not labelled as the same, and those of them that are served all the same."""
    labelled = cache_pairs()
    same = {frozenset((pair.before, pair.now)) for pair in labelled if pair.kind.may_be_served}
    texts = list(dict.fromkeys(text for pair in labelled for text in (pair.before, pair.now)))
    texts += [question.text for question in questions() if question.text not in texts]
    understood = [text for text in texts if embedder and embedder.understands(text)]
    vectors = dict(zip(understood, embedder.embed(understood), strict=True)) if embedder else {}
    asked = [(text, read(text), vectors.get(text)) for text in texts]
    count, served = 0, []
    for (text, one, mine), (another, other, theirs) in combinations(asked, 2):
        if frozenset((text, another)) in same:
            continue
        count += 1
        cosine = None if mine is None or theirs is None else float(mine @ theirs)
        if may_share_an_answer(one, other, cosine):
            served.append(Compared(CachePair(text, another, PairKind.OTHER_SUBJECT, Half.TUNE), one, other, cosine))
    return count, served


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chat_cache", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--pairs", action="store_true", help="print every pair: cosine, share of words, the guard that holds it apart"
    )
    parser.add_argument("--across", action="store_true", help="print every two questions of any set that would share an answer")
    options = parser.parse_args(arguments)
    embedder = find_embedder(EmbeddingsConfiguration())  # type: ignore[call-arg]  # every field has a default
    print(
        f"answer cache: {'no embedder, by words alone' if embedder is None else f'by words, and by meaning with {embedder.name}'}"
    )
    print(f"{'':24}{'pairs':>7}{'by words':>10}{'' if embedder is None else 'by meaning':>12}")
    compared = compare(cache_pairs(), embedder)
    for half in Half:
        for kind in PairKind:
            chosen = [each for each in compared if each.pair.half is half and each.pair.kind is kind]
            by_words, by_meaning = sum(each.by_words for each in chosen), sum(each.by_meaning for each in chosen)
            print(f"{half:8}{kind:16}{len(chosen):7}{by_words:10}{'' if embedder is None else by_meaning:>12}")
            if options.pairs:
                for each in chosen:
                    print(f"    {each}")
        unlike = compare(others(half), embedder)
        by_words, by_meaning = sum(each.by_words for each in unlike), sum(each.by_meaning for each in unlike)
        print(f"{half:8}{'other answers':16}{len(unlike):7}{by_words:10}{'' if embedder is None else by_meaning:>12}")
    if options.across:
        count, served = across(embedder)
        print(f"across all sets: {len(served)} of {count} pairs that were not labelled as the same would share an answer:")
        for each in served:
            print(f"    {each}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
