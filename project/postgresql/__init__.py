"""Django's PostgreSQL backend with a pool of our own (settings.DATABASES names this package as the engine)."""
