"""The pages about items."""
