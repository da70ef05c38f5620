"""Kafka: its clients and topics, its live end, its history, and the broker that is built in."""
