"""Comparisons of the two builds compare two builds."""

from orion_gateway.build import is_compiled
from tests.http1.builds import PURE, RUNNING


def test_two_builds_are_compared() -> None:
    """Without it, a comparison could compare a build with itself."""
    assert str(PURE.scan.__file__).endswith("scan.py")
    assert PURE.head.parse_request is not RUNNING.head.parse_request
    assert str(RUNNING.scan.__file__).endswith(".py") is not is_compiled()
