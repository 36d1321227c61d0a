"""Take down what is wrong while a table is read, and put it in order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orion_gateway.config.errors import Finding

if TYPE_CHECKING:
    from orion_gateway.config.source import Source, Span


@dataclass(slots=True)
class Report:
    """Takes findings down and puts them in the order of the files."""

    sources: list[Source] = field(default_factory=list)
    noted: list[tuple[Span, Finding]] = field(default_factory=list)
    elsewhere: list[Finding] = field(default_factory=list)

    def __call__(self, span: Span, code: str, message: str, suggestion: str = "", help: str = "") -> None:  # noqa: A002
        """Take down one finding; the arguments are those of `Finding`."""
        place = span.place
        finding = Finding(place.file, place.line, place.column, code, message, span.length, suggestion, help)
        self.noted.append((span, finding))

    @property
    def findings(self) -> list[Finding]:
        """Return all findings, by file, line and column, with their source lines; each one once."""
        order = {id(source): number for number, source in enumerate(self.sources)}
        # The lines are taken only now, when all secrets in them are known.
        shown = [
            (order.get(id(span.source), len(order)), replace(finding, source=span.source.show(finding.line)))
            for span, finding in self.noted
        ]
        shown.sort(key=lambda pair: (pair[0], pair[1].line, pair[1].column, pair[1].code))
        return list(dict.fromkeys((*self.elsewhere, *(finding for _, finding in shown))))
