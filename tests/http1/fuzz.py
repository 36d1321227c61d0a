"""Compare our codec with llhttp and h11 on many made inputs: `python -m tests.http1.fuzz --inputs 1000000 --seed 7`.

Every input is the bytes of a client and those of an endpoint. Each is read whole by all three, and by ours also in
random cuts; what ours accepts is rendered and read by all three again. The same seed makes the same inputs. The exit
status is 1 when any differed.
"""

import argparse
import sys
import time
from collections import Counter
from random import Random

from orion_gateway.http1.head import parse_request, parse_response
from tests.http1.differ import compare_requests, compare_responses
from tests.http1.feeding import LIMITS, cut, describe, feed_request, feed_response
from tests.http1.messages import make_requests, make_response
from tests.http1.peers import read_requests, read_responses

_MAX_SHOWN = 10


def run(inputs: int, seed: int) -> int:
    """Compare `inputs` made inputs, print what was found, and return the exit status."""
    began = time.monotonic()
    counts: Counter[str] = Counter()
    found = 0
    for number in range(inputs):
        rng = Random(f"{seed}-{number}")
        for fault in _examine(rng, counts):
            found += 1
            if found <= _MAX_SHOWN:
                print(f"input {number}: {fault}")
    seconds = time.monotonic() - began
    print(f"{inputs} inputs, seed {seed}, {seconds:.0f} s: {found} disagreements")
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return 1 if found else 0


def _examine(rng: Random, counts: Counter[str]) -> list[str]:
    """Make one input, compare, and return what is wrong."""
    client = make_requests(rng)
    endpoint, method = make_response(rng), rng.choice((b"GET", b"HEAD"))
    counts["requests accepted"] += len(read_requests(client))
    counts["responses accepted"] += len(read_responses(endpoint, method))
    faults = [f"{client!r}\n{found}" for found in compare_requests(client)]
    faults += [f"{endpoint!r}\n{found}" for found in compare_responses(endpoint, method)]
    count = rng.choice((2, 4, 30))
    if describe(feed_request(cut(client, rng, count))[0]) != describe(parse_request(client, LIMITS)[0]):
        faults.append(f"{client!r}\nmeans something else in pieces")
    if describe(feed_response(cut(endpoint, rng, count), method)[0]) != describe(
        parse_response(endpoint, LIMITS, method)[0]
    ):
        faults.append(f"{endpoint!r}\nmeans something else in pieces")
    return faults


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(run(arguments.inputs, arguments.seed))
