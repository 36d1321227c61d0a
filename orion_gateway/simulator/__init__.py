"""A simulator: the policy code of the gateway on a virtual clock, with synthetic endpoints and load.

What decides is the code that the gateway runs (balancer, breaker, discovery, retry, budget, judge); what is made up is
the endpoints, the clients, the network, and the few lines of a worker that carry a request from one decision to the
next. Nothing here waits, opens a socket or reads a clock: the same scenario and seed give the same record.
"""
