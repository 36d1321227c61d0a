"""Programs that ask, each run as a process of its own: an order as JSON on stdin, a report as JSON on stdout."""
