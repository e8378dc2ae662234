"""Words that programmers use for the same thing: a question is also searched, with less weight, by what its words are called elsewhere.

A hand-made table of everyday words, for search by words alone; search by meaning does not need it. `make bench-chat` measures it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.systems.chat.segmentation.words import stem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SYNONYMS"]

_GROUPS = """
folder directory
delete remove erase
begin start
end stop finish terminate
text string
array list sequence
dictionary dict mapping
error exception
throw raise
simultaneously concurrently parallel
pause sleep wait
letter character
concatenate join combine merge
separate split
duplicate copy clone
modify change alter
size length
distinct unique
biggest largest maximum greatest
smallest minimum
average mean
order sort
backwards reverse
search find locate
substitute replace
display print show
transform convert
elapsed duration
frozen immutable
fetch retrieve download
create make
invoke call
parameter argument
iterate loop
element item
verify check
save write store
mail email
extension suffix
checksum digest hash
trim strip
blank whitespace
mutex lock
memoize cache
temporary temp
uppercase upper
lowercase lower
integer int
random randomly
kill terminate
quit exit
shell command
"""


def _table() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _GROUPS.split("\n"):
        group = list(dict.fromkeys(stem(word) for word in line.split()))
        for word in group:
            found.setdefault(word, []).extend(other for other in group if other != word)
    return {word: tuple(dict.fromkeys(others)) for word, others in found.items()}


SYNONYMS: Mapping[str, tuple[str, ...]] = _table()
"""Normalised word to the other normalised words of its groups."""
