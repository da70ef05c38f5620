"""Kafka to web processes: by a function call, or in a group and over the Channels layer."""
