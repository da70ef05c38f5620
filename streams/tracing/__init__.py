"""The way of an item's versions: from the transaction through the outbox and Kafka to the boards."""
