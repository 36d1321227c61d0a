"""What a worker tells the supervisor about endpoints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttemptTold:
    """One attempt ended with a verdict. Failures are told, and the successes of endpoints that are suspect."""

    service: str
    endpoint: int
    """Its place in the service, from 0."""
    succeeded: bool
