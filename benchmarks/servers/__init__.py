"""Programs that serve as peers, each run as a process of its own: `python FILE …`."""
