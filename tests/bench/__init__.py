"""The benchmarks: `python -m tests.bench`, or `make bench`. What the numbers mean stands in docs/performance.md."""
