"""Tests that start processes of the product."""
