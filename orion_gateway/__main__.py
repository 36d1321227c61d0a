"""`python -m orion_gateway` is the `orion` command; with `worker FD NUMBER` it is a worker of a supervisor.

With `try-applications` it tries, for `orion run`, whether the applications of a table can be loaded.
"""

import signal
import sys


def _run_worker() -> int:
    # Before half a second of imports: a terminal or systemd sends these to every process of the group, and it is
    # for the supervisor to react.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    from orion_gateway.app import run_worker

    return run_worker(int(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        sys.exit(_run_worker())
    if sys.argv[1:2] == ["try-applications"]:
        from orion_gateway.proxy.application_trial import run_trial

        sys.exit(run_trial())
    from orion_gateway.cli import main

    main(prog_name="orion")
