"""Accounts: signing in and up, passwords, tokens, and how often one may try."""
