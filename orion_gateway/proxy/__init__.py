"""Forwarding: a request comes down one connection, is decided and carried to an endpoint, and its answer comes back."""
