"""Measure the gateway beside its peers over HTTP; imports nothing of it. README.md tells the method."""
