"""Find the word that was probably meant, for "did you mean …?".

Words are compared by the number of single edits between them, where swapping two neighbouring letters is one edit
(optimal string alignment distance), because that is how people mistype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def count_edits(one: str, other: str) -> int:
    """Return how many insertions, deletions, substitutions and swaps of neighbours turn one word into the other."""
    before: list[int] = []
    previous = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        current = [i]
        for j, b in enumerate(other, 1):
            edits = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                edits = min(edits, before[j - 2] + 1)
            current.append(edits)
        before, previous = previous, current
    return previous[-1]


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word nearest to `word`, or `""` when none is near enough to be meant.

    Near enough is one edit, or one in three letters; upper and lower case count as equal.
    """
    folded = word.lower().replace("-", "_")
    best, fewest = "", max(1, len(word) // 3) + 1
    for candidate in known:
        if abs(len(candidate) - len(word)) >= fewest:
            continue
        edits = count_edits(folded, candidate.lower().replace("-", "_"))
        if edits < fewest:
            best, fewest = candidate, edits
    return best
