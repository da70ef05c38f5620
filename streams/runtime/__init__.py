"""What every room stands on: supervised tasks, threads, the database, and who may be away."""
