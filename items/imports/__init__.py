"""Imports: a file is recognised, its rows are read, understood and written."""
