"""The items API: its operations, what they need, and how they answer."""
