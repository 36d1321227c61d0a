"""Processes: the supervisor, its workers, what they say to each other, and the sockets that they share."""
