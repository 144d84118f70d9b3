"""The benchmark harness, run from a checkout: ``python -m benchmarks TABLE...``."""
