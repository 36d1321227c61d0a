"""Say how one worker would balance a request of a service at this moment. Nothing is picked and nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.hashing import hash_key
from orion_gateway.control.messages import CandidateSeen, Explain, Explained

if TYPE_CHECKING:
    from orion_gateway.proxy.upstream import ServicePool


def explain_pool(pool: ServicePool, asked: Explain, now: float) -> Explained:
    """Answer a question about the service of this pool."""
    chooser = pool.chooser
    key = hash_key(asked.key) if asked.key else 0
    candidates = tuple(
        CandidateSeen(
            url=candidate.endpoint.url,
            is_eligible=candidate.is_eligible,
            why=candidate.why,
            score=candidate.score,
            in_flight=candidate.in_flight,
            weight=candidate.weight,
            share=candidate.share,
        )
        for candidate in chooser.explain(key, now)
    )
    home = chooser.policy.home(key)
    bound = chooser.find(asked.token) if asked.token else None
    return Explained(
        number=asked.number,
        candidates=candidates,
        is_panic=chooser.is_panic,
        bound_to=None if bound is None else bound.url,
        home=None if home is None else home.url,
        circuit=None if pool.gate is None else pool.gate.view,
        budget=pool.budget.left(now),
        queued=pool.counts["queued"],
    )
