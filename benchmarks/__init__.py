"""The benchmark, run from a checkout: ``python -m benchmarks TABLE...``."""
