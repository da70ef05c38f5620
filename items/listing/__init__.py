"""Lists of items: what is asked for, found, and written to a file."""
