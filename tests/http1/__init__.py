"""Tests of `orion_gateway.http1`; `fuzz` runs the differential ones for as long as one likes."""
