"""The ways to ask. Which ones a scenario takes stands in its file; the names here are all that there are."""

from benchmarks.loads.offered import Offered
from benchmarks.loads.saturation import Saturation

__all__ = ["Offered", "Saturation"]
