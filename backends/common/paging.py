"""How a list is asked for and answered: numbered pages of bounded size, with the total."""

from typing import Generic, TypeVar

from pydantic import Field

from .reading import Question
from .replies import Answer

Item = TypeVar("Item", bound=Answer)


class PageQuestion(Question):
    """Which page of a list. Both bounds keep one request from costing the database much."""

    page: int = Field(default=1, ge=1, le=10_000)
    limit: int = Field(default=20, ge=1, le=100)

    @property
    def offset(self) -> int:
        """How many items come before this page."""
        return (self.page - 1) * self.limit


class Page(Answer, Generic[Item]):
    """One page of a list, newest first; `total` counts the items of all pages."""

    items: list[Item]
    page: int
    limit: int
    total: int
