"""What the tests of the data plane stand on: a gateway in the test's loop, both ends of its wires in the test's hand.

A test plays the client and the endpoint byte by byte and looks into the gateway between two bytes. Nothing here sleeps:
it waits for bytes or for a condition, and time passes for the gateway when the test says so (`Gateway.pass_time`).
"""
