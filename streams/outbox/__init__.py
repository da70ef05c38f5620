"""Item events on their way to Kafka: written with the change, relayed in batches."""
