"""Searching and exporting the past of a topic: in slices, in a process of its own, a few at a time."""
