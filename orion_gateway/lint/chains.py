"""The order of filters: who asks must be known before somebody judges by it, or keeps an answer for others.

Where a filter stands before the one in question and nobody knows what it does, nothing is said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orion_gateway.expression import compile_expression
from orion_gateway.routing.sample import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.config.errors import Finding
    from orion_gateway.config.places import Location
    from orion_gateway.lint.rule import Link, Subject

STRANGER = "https://orion-lint.invalid"
"""An origin that nobody can own (RFC 2606, section 2): an expression that matches it matches every one."""

_BARE_DOT = re.compile(r"(?<![\\[])\.(?![*+?{\]])")


def find_misplaced_filters(subject: Subject) -> Iterator[Finding]:
    """Yield a warning for each filter that needs to know who asks, or must not be asked before, with the first route.

    One that is not enforced decides nothing, and is left to the note about that.
    """
    told: set[tuple[str, Location]] = set()
    for route, chain in zip(subject.routes, subject.chains, strict=True):
        later = _last_authenticating(chain)
        for at, link in enumerate(chain):
            before = chain[:at]
            if any(other.authenticates or other.is_unknown for other in before):
                break
            seen = f'seen on the route "{route.name}"'
            if link.authorizes and not link.authenticates and ("W0408", link.place) not in told:
                told.add(("W0408", link.place))
                who = f'"{chain[later].use.name}" comes behind it' if later > at else "nothing establishes who asks"
                hint = f"put a filter that authenticates before it; {seen}"
                yield subject.finding(link.place, "W0408", f'"{link.use.name}" judges by who asks, and {who}', hint)
            if link.stores and later > at and ("W0409", link.place) not in told:
                told.add(("W0409", link.place))
                message = f'"{link.use.name}" answers from what it kept before "{chain[later].use.name}" knows who asks'
                yield subject.finding(link.place, "W0409", message, f"list it behind that filter; {seen}")


def _last_authenticating(chain: tuple[Link, ...]) -> int:
    return max((at for at, link in enumerate(chain) if link.authenticates), default=-1)


def find_open_origins(subject: Subject) -> Iterator[Finding]:
    """Yield a warning for each filter by which every page may send credentials, without a `*` that says so.

    Such a filter is known by its rules: `origins`, `credentials`, and perhaps `patterns`.
    """
    for link, rules in _each_cross_origin(subject):
        if not getattr(rules, "credentials", False) or "*" in getattr(rules, "origins", ()):
            continue  # `*` is found while the table is read.
        wide = next(filter(_matches_all, _patterns_of(rules)), None)
        if wide is not None:
            hint = "name the origins: every page that a user visits could act in his name"
            message = f'every origin ("{wide}") may use the credentials of your users'
            yield subject.finding(link.place, "W0307", message, hint)


def find_loose_origins(subject: Subject) -> Iterator[Finding]:
    """Yield a warning for each expression of origins that matches those of others than the author meant."""
    for link, rules in _each_cross_origin(subject):
        for pattern in _patterns_of(rules):
            stranger = None if _matches_all(pattern) else find_stranger(pattern)
            if stranger is not None:
                message = f'the expression "{pattern}" also matches {stranger}'
                hint = 'write "\\." for a dot, and begin and end with what stands in the name of the host'
                yield subject.finding(link.place, "W0403", message, hint)


def find_stranger(pattern: str) -> str | None:
    """Return an origin that an expression matches and somebody else may own, as far as one is found by trying.

    Tried is what people get wrong: no end, no beginning of the host's name, and dots that stand for any character.
    """
    # A dot that was written for itself is read as one: what it takes besides is what is looked for.
    meant = sample(_BARE_DOT.sub(r"\\.", pattern))
    if meant is None or "://" not in meant:
        return None
    scheme, _, host = meant.partition("://")
    dots = [at for at, char in enumerate(host) if char == "."]
    tried = [f"{meant}.evil.example", f"{meant}evil.example"]
    if len(dots) == 1 and dots[0]:
        tried.append(f"{scheme}://evil{host}")
    tried += [f"{scheme}://{host[:at]}x{host[at + 1 :]}" for at in dots[:-1]]
    expression = compile_expression(pattern)
    return next((origin for origin in tried if expression.fullmatch(origin.encode()) is not None), None)


def find_late_cross_origin(subject: Subject) -> Iterator[Finding]:
    """Yield a note for each filter for origins that stands behind one which may refuse."""
    told: set[Location] = set()
    for route, chain in zip(subject.routes, subject.chains, strict=True):
        for at, link in enumerate(chain):
            earlier = next((other for other in chain[:at] if other.authenticates), None)
            if earlier is None or not _is_cross_origin(link) or link.place in told:
                continue
            told.add(link.place)
            message = f'"{link.use.name}" comes behind "{earlier.use.name}": pages cannot read its refusals'
            hint = f'list it before; preflight requests are answered either way; seen on the route "{route.name}"'
            yield subject.finding(link.place, "N0403", message, hint)


def _is_cross_origin(link: Link) -> bool:
    return hasattr(link.use.rules, "origins") and hasattr(link.use.rules, "credentials")


def _each_cross_origin(subject: Subject) -> Iterator[tuple[Link, object]]:
    links = {link.place: link for chain in subject.chains for link in chain if _is_cross_origin(link)}
    for link in links.values():
        yield link, link.use.rules


def _patterns_of(rules: object) -> tuple[str, ...]:
    return tuple(getattr(rules, "patterns", ()))


def _matches_all(pattern: str) -> bool:
    return compile_expression(pattern).fullmatch(STRANGER.encode()) is not None


def find_unenforced_filters(subject: Subject) -> Iterator[Finding]:
    """Yield a note for each filter that only counts, and for each that does harm on purpose."""
    links = {link.place: link for chain in subject.chains for link in chain}
    for link in links.values():
        if not link.use.enforce:
            message = f'"{link.use.name}" lets everything through and only counts'
            hint = "when its counts are as expected, leave out `enforce: false`"
            yield subject.finding((*link.place, link.use.kind, "enforce"), "N0404", message, hint)
        if link.disturbs and subject.loaded.config.gateway.environment != "development":
            message = f'"{link.use.name}" does harm on purpose'
            yield subject.finding(link.place, "N0405", message, "take it out when the experiment is over")
