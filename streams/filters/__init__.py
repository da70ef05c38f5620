"""The filter language: from what a person typed to a function over a record, within bounds. Waits for nothing."""
