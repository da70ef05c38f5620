"""Whether the links of items work."""
