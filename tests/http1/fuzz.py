"""Compare both builds of our codec, llhttp and h11 on many made inputs: `python -m tests.http1.fuzz --inputs 1000000`.

An input is what a client sends, or what an endpoint answers: by turns. Every one is read whole by all four. Both builds
must read the same, in random cuts too, and render the same; what they accept the others must accept with the same
meaning, and they must read what is rendered so as well. The same seed makes the same inputs, whatever `--jobs` is.
The exit status is 1 when any differed.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from random import Random
from typing import TypeVar

from tests.http1.builds import PURE, RUNNING
from tests.http1.differ import compare_builds, compare_requests, compare_responses
from tests.http1.feeding import LIMITS, cut, describe, feed_request, feed_response
from tests.http1.messages import make_requests, make_response
from tests.http1.peers import read_requests, read_responses, read_with_h11, read_with_llhttp

_MAX_SHOWN = 10
_BATCH = 2000
_EVERY = 10.0  # seconds between two lines of progress
T = TypeVar("T")


class _QuickRandom(Random):
    """Draws without the care that makes every choice exactly as likely: making inputs was a quarter of the time."""

    def choice(self, seq: Sequence[T]) -> T:  # type: ignore[override]
        return seq[int(self.random() * len(seq))]

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        assert step == 1
        if stop is None:
            start, stop = 0, start
        return start + int(self.random() * (stop - start))


def run(inputs: int, seed: int, jobs: int = 1) -> int:
    """Compare `inputs` made inputs, print what was found, and return the exit status."""
    began = shown = time.monotonic()
    counts: Counter[str] = Counter()
    found = done = 0
    for size, part, faults in _examine_all(inputs, seed, jobs):
        counts += part
        done += size
        for fault in faults[: max(0, _MAX_SHOWN - found)]:
            print(fault)
        found += len(faults)
        now = time.monotonic()
        if now - shown > _EVERY:
            shown = now
            left = (inputs - done) / done * (now - began)
            print(f"{done} of {inputs}, {done / (now - began):.0f} a second, {left:.0f} s to go, {found} disagreements")
            sys.stdout.flush()
    seconds = time.monotonic() - began
    print(f"{RUNNING.name} and {PURE.name}, llhttp, h11: {inputs} inputs, seed {seed}, {seconds:.0f} s on {jobs} cores")
    print(f"{inputs / seconds:.0f} inputs a second: {found} disagreements")
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return 1 if found else 0


def _examine_all(inputs: int, seed: int, jobs: int) -> Iterator[tuple[int, Counter[str], list[str]]]:
    batches = [range(first, min(first + _BATCH, inputs)) for first in range(0, inputs, _BATCH)]
    examine = partial(_examine_batch, seed)
    if jobs == 1:
        yield from map(examine, batches)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(examine, batches)


def _examine_batch(seed: int, numbers: range) -> tuple[int, Counter[str], list[str]]:
    counts: Counter[str] = Counter()
    faults: list[str] = []
    for number in numbers:
        # Streams of neighbouring numbers must not be alike: the seed is spread by hashing it.
        rng = _QuickRandom(hash((seed, number)))
        examine = _examine_answer if number % 2 else _examine_client
        faults += [f"input {number}: {fault}" for fault in islice(examine(rng, counts), _MAX_SHOWN)]
    return len(numbers), counts, faults


def _examine_client(rng: Random, counts: Counter[str]) -> Iterator[str]:
    """Make the bytes of a client, and yield what is wrong."""
    data = make_requests(rng)
    messages = read_requests(data)
    llhttp, h11 = read_with_llhttp(data), read_with_h11(data)
    counts["requests accepted"] += len(messages)
    counts["requests accepted by llhttp"] += len(llhttp)
    counts["requests accepted by h11"] += len(h11)
    for found in compare_builds(messages, read_requests(data, PURE)):
        yield f"{data!r}\n{found}"
    for disagreement in compare_requests(messages, llhttp, h11):
        yield f"{data!r}\n{disagreement}"
    pieces = cut(data, rng, rng.choice((2, 4, 30)))
    whole = describe(RUNNING.head.parse_request(data, LIMITS)[0])
    for codec in (RUNNING, PURE):
        if describe(feed_request(pieces, codec=codec)[0]) != whole:
            yield f"{data!r}\nmeans something else in pieces to the {codec.name} build"


def _examine_answer(rng: Random, counts: Counter[str]) -> Iterator[str]:
    """Make the bytes of an endpoint, and yield what is wrong."""
    data, method = make_response(rng), rng.choice((b"GET", b"HEAD"))
    messages = read_responses(data, method)
    llhttp, h11 = read_with_llhttp(data, is_response=True), read_with_h11(data, method=method)
    counts["responses accepted"] += len(messages)
    counts["responses accepted by llhttp"] += len(llhttp)
    counts["responses accepted by h11"] += len(h11)
    for found in compare_builds(messages, read_responses(data, method, PURE)):
        yield f"{data!r}\n{found}"
    for disagreement in compare_responses(method, messages, llhttp, h11):
        yield f"{data!r}\n{disagreement}"
    pieces = cut(data, rng, rng.choice((2, 4, 30)))
    whole = describe(RUNNING.head.parse_response(data, LIMITS, method)[0])
    for codec in (RUNNING, PURE):
        if describe(feed_response(pieces, method, codec=codec)[0]) != whole:
            yield f"{data!r}\nmeans something else in pieces to the {codec.name} build"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default: one per core")
    arguments = parser.parse_args()
    sys.exit(run(arguments.inputs, arguments.seed, arguments.jobs))
