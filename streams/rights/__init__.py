"""Who may watch which topic."""
