"""Find routes that can never win, because others take every request that they could, and are tried first.

Only what is certain is reported. Routes of one host are looked at together; a route of several hosts must be hidden
on each of them. Its path is cut into classes of paths that all other routes treat alike: a param or what `**` takes is
a segment that no literal is equal to, since there are always more segments than literals. Each class must be taken by
routes that come first and together demand no more (`cover`). Of expressions only this is used: equal texts match
alike, one that ends in `.*` matches all that begins as it does, every match begins with the literal prefix, and
classes with `+` (`/users/[0-9]+`) match one segment that is not empty.

The work grows with the number of routes times the depth of their paths: what comes first is looked up by path and by
what it demands, never walked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from orion_gateway.routing.cover import Atom, demanded, find_cover
from orion_gateway.routing.example import examples_of, taker, takes, towards
from orion_gateway.routing.precedence import Kind, Step
from orion_gateway.routing.table import RouteTable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from orion_gateway.routing.cover import Demanded
    from orion_gateway.routing.example import Example
    from orion_gateway.routing.tree import Entry
    from orion_gateway.values import Route

MOST_EXAMPLES = 24
"""How many requests are tried to find one for each winner."""

_LITERAL = re.compile(r"(?:[A-Za-z0-9_/~:@!,;=&%'-]|\\[./~:@!,;=&%+*?(){}|^$'-])*")
"""Expressions that match one text only."""

_NO_SLASH = r"\[\^[^\]\\[]*/[^\]\\[]*\]"
"""A class of all characters but some, one of which is the slash."""
_FEW = r"\[(?:[A-Za-z0-9_]-[A-Za-z0-9_]|[A-Za-z0-9_.~]|\\[dw])+-?\]"
"""A class of characters; its ranges are between letters and digits, which stand behind the slash in ASCII."""
_ONE_SEGMENT = re.compile(rf"(?:(?:{_NO_SLASH}|{_FEW}|\\[dw.~-]|[A-Za-z0-9_~-])(?:\+|\{{[1-9][0-9]*(?:,[0-9]*)?\}})?)+")
"""Expressions of which every match is at least one character long and has no slash."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Route number `loser` never wins, because `winners` do, together where there are several.

    `examples` are requests that the loser could take, each with the number of the route that takes it; there is none
    where an expression has no sample.
    """

    loser: int
    winners: tuple[int, ...]
    examples: tuple[tuple[Example, int], ...]


class _Key(NamedTuple):
    """A place in the tree of one host: the steps that lead there, params without their names."""

    host: str | None
    steps: tuple[Step, ...]


@dataclass(slots=True)
class _Shelf:
    """Routes of the very same path, by what they demand. Of those that demand the same only the first one counts."""

    seen: set[tuple[object, ...]] = field(default_factory=set)
    by_atom: dict[Atom | None, list[_Placed]] = field(default_factory=dict)

    def put(self, placed: _Placed) -> None:
        """Add a route; they come in the order of precedence."""
        asked = placed.demanded
        signature = (asked.methods, asked.listeners, asked.atoms)
        if signature not in self.seen:
            self.seen.add(signature)
            self.by_atom.setdefault(_file_under(asked), []).append(placed)

    def before(self, loser: _Placed) -> Iterator[_Placed]:
        """Yield the routes that come before one and may take its requests, judged by one of their conditions."""
        keys: dict[Atom | None, None] = {None: None}
        for atom in loser.demanded.atoms:
            keys[atom] = keys[atom._replace(kind="present", value="true")] = None
            keys[atom._replace(kind="regex", value="")] = None
        keys[_PRESENCE] = None
        for key in keys:
            for placed in self.by_atom.get(key, ()):
                if placed.entry.precedence >= loser.entry.precedence:
                    break
                yield placed


_PRESENCE = Atom("", "", "present", "")
"""What routes are filed under that ask only whether fields or parameters are there: two of them can be each other's
rest."""


def _file_under(asked: Demanded) -> Atom | None:
    """Return a condition that a route must share with another one to take its requests, None when it has none."""
    if not asked.atoms:
        return None
    if all(atom.kind == "present" for atom in asked.atoms):
        return _PRESENCE
    atom = min(atom for atom in asked.atoms if atom.kind != "present")
    return atom._replace(value="") if atom.kind == "regex" else atom


@dataclass(frozen=True, slots=True)
class _Placed:
    entry: Entry
    demanded: Demanded


@dataclass(slots=True)
class _Place:
    """The routes whose path ends, or opens, after the same steps."""

    ending: _Shelf = field(default_factory=_Shelf)
    rest: _Shelf = field(default_factory=_Shelf)
    same: dict[str, _Shelf] = field(default_factory=dict)
    """Routes with the same expression."""
    wide: dict[bytes, _Shelf] = field(default_factory=dict)
    """Routes whose expression takes all that begins like this."""


def find_unreachable(
    routes: Sequence[Route], listeners: Collection[str] = (), table: RouteTable | None = None
) -> list[Unreachable]:
    """Return the routes that can never win, in the order of the table, each with the routes that hide it.

    `listeners` are all that the table has, when that is known; `table` is that of these routes, when there is one.
    """
    table = table or RouteTable(routes)
    search = _Search(table, frozenset(listeners))
    found = []
    for entry in table.entries:
        winners = search.find_winners(entry)
        if winners:
            examples = _find_examples(table, entry, winners, next(iter(listeners), ""))
            found.append(Unreachable(entry.index, winners, examples))
    return found


class _Search:
    """The routes of a table by place, and the question who hides one of them."""

    def __init__(self, table: RouteTable, listeners: frozenset[str]) -> None:
        self._listeners = listeners
        self._places: dict[_Key, _Place] = {}
        self._leads_on: set[_Key] = set()
        self._placed = {
            entry.index: _Placed(entry, demanded(entry.route.match, entry.index)) for entry in table.entries
        }
        for entry in sorted(table.entries, key=lambda entry: entry.precedence):
            for host in dict.fromkeys(entry.route.match.hosts or (None,)):
                self._put(host, self._placed[entry.index])

    def _put(self, host: str | None, placed: _Placed) -> None:
        steps, last = _steps_to(placed.entry), placed.entry.steps[-1]
        place = self._places.setdefault(_Key(host, steps), _Place())
        for length in range(len(steps), -1, -1):
            key = _Key(host, steps[:length])
            if key in self._leads_on:
                break
            self._leads_on.add(key)
        if last.kind is Kind.REGEX:
            text = placed.entry.route.match.path_regex or ""
            place.same.setdefault(text, _Shelf()).put(placed)
            if text.endswith(".*") and _is_literal(text[:-2]):
                place.wide.setdefault(_literal_of(text[:-2]), _Shelf()).put(placed)
        else:
            (place.ending if last.kind is Kind.END else place.rest).put(placed)

    def find_winners(self, entry: Entry) -> tuple[int, ...]:
        """Return the routes that hide one, in the order of the table; nothing when it can win, or may be able to."""
        loser = self._placed[entry.index]
        groups: list[list[_Placed]] = []
        for host in dict.fromkeys(entry.route.match.hosts or (None,)):
            for others in self._groups_before(host, loser):
                if not others:
                    return ()
                groups.append(others)
        # One route that does it alone says more than several.
        for other in groups[0]:
            if all(any(other is another for another in group) for group in groups) and find_cover(
                loser.demanded, [other.demanded], self._listeners
            ):
                return (other.entry.index,)
        used: set[int] = set()
        for group in groups:
            cover = find_cover(loser.demanded, [other.demanded for other in group], self._listeners)
            if cover is None:
                return ()
            used |= cover
        return tuple(sorted(used))

    def _groups_before(self, host: str | None, loser: _Placed) -> Iterator[list[_Placed]]:
        """Yield, for each class of paths that a route takes on a host, the routes before it that take all of it."""
        for shelves in self._classes_of(host, loser.entry):
            others = {other.entry.index: other for shelf in shelves for other in shelf.before(loser)}
            yield sorted(others.values(), key=lambda other: other.entry.precedence)

    def _classes_of(self, host: str | None, entry: Entry) -> Iterator[list[_Shelf]]:
        """Yield, for each class of paths that a route takes, the routes on its host that take all of it."""
        steps, last = _steps_to(entry), entry.steps[-1]
        here = self._places[_Key(host, steps)]
        match last.kind:
            case Kind.END:
                yield [here.ending]
            case Kind.REST:
                # `/a/**` takes `/a` too, but a path has at least one segment.
                yield from self._open_classes(host, entry, 0 if steps else 1, [here.rest], here)
            case _:
                text = entry.route.match.path_regex or ""
                prefix = b"".join(b"/" + step.text for step in entry.steps)
                shelves = [here.same[text]] + [shelf for begin, shelf in here.wide.items() if prefix.startswith(begin)]
                if _is_one_segment(text, prefix):
                    segments = [_PARAM]
                    if _is_literal(text):
                        segments.append(Step(Kind.LITERAL, last.text))
                    for segment in segments:
                        beyond = self._places.get(_Key(host, (*steps, segment)))
                        shelves += [beyond.ending, beyond.rest] if beyond is not None else []
                    yield shelves
                else:
                    yield from self._open_classes(host, entry, 1, shelves, here, is_begun=bool(last.text))

    def _open_classes(
        self,
        host: str | None,
        entry: Entry,
        least: int,
        always: list[_Shelf],
        here: _Place,
        *,
        is_begun: bool = False,
    ) -> Iterator[list[_Shelf]]:
        """Yield the classes of a path that goes on with any segments after its steps, at least `least` of them.

        `is_begun`: the first of them is not empty. `always` take all of them.
        """
        steps = _steps_to(entry)
        begin = b"".join(b"/" + step.text for step in steps) + b"/"
        is_literal = all(step.kind is Kind.LITERAL for step in steps)
        wide = [shelf for known, shelf in here.wide.items() if is_literal and begin.startswith(known)]
        if entry.route.allow_empty_segments:
            # Empty segments may stand anywhere then, and only a literal takes those.
            yield [*always, *wide]
        taking = list(always)
        depth = 0
        while True:
            key = _Key(host, (*steps, *[_PARAM] * depth))
            place = self._places.get(key)
            if place is not None:
                taking.append(place.rest)
            if depth == 1:
                taking += wide
            if depth >= least:
                yield [*taking, *([place.ending] if place is not None else ())]
            if depth or not is_begun:
                empty = self._places.get(_Key(host, (*key.steps, _EMPTY)))
                yield [*taking, *wide, *([empty.ending, empty.rest] if empty is not None else ())]
            if key not in self._leads_on:
                return
            depth += 1


_PARAM = Step(Kind.PARAM)
_EMPTY = Step(Kind.LITERAL)


def _steps_to(entry: Entry) -> tuple[Step, ...]:
    return tuple(_PARAM if step.kind is Kind.PARAM else step for step in entry.steps[:-1])


def _is_literal(text: str) -> bool:
    return _LITERAL.fullmatch(text) is not None


def _literal_of(text: str) -> bytes:
    return text.replace("\\", "").encode()


def _is_one_segment(text: str, prefix: bytes) -> bool:
    """Return whether every match of an expression is its literal prefix up to the last slash, and one more segment."""
    begin = prefix[: prefix.rfind(b"/") + 1]
    return any(
        _is_literal(text[: at + 1])
        and _literal_of(text[: at + 1]) == begin
        and _ONE_SEGMENT.fullmatch(text[at + 1 :]) is not None
        for at, char in enumerate(text)
        if char == "/"
    )


def _find_examples(
    table: RouteTable, loser: Entry, winners: Collection[int], listener: str
) -> tuple[tuple[Example, int], ...]:
    """Return a request for each winner that the loser could take too, as far as one is found quickly.

    What is tried may be taken by a third route, more specific than all of these; that is no example.
    """
    found: dict[int, Example] = {}
    for example in islice(examples_of(loser.route, loser.steps), MOST_EXAMPLES):
        if len(found) == len(winners):
            break
        tried = [example, *(towards(example, loser.route, table.routes[winner]) for winner in winners)]
        for request in tried:
            index = taker(table, request, listener)
            if index is not None and index in winners and takes(loser, request, listener):
                found.setdefault(index, request)
    return tuple((example, index) for index, example in found.items())
