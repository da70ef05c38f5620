"""The items app in Django's admin; importing it registers every page."""

from items.admin import deleted, items, tokens

__all__ = ["deleted", "items", "tokens"]
