"""Benchmarks: they print ratios, and are no part of the tests."""
