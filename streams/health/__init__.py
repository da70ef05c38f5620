"""What probes and scrapers ask: whether this process lives, is ready, and how it is."""
