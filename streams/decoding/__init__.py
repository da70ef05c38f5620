"""What bytes of Kafka mean: formats, schemas and the registry; the same for live records, history and whoever else."""
