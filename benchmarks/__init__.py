"""Benchmarks of the core on real processes. What each measures, and what limits it, is in README.md beside this file."""
