"""Every Prometheus metric of the product, declared in one place. What shows real failures stands first."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# What should stay at zero, or near it ------------------------------------------------------------------------------

FANOUT_STANDSTILL = Gauge("streamboard_fanout_standstill_seconds", "Without progress while records wait in Kafka.")
OFFSETS_LOST = Counter("streamboard_lost_offsets_total", "Offsets that Kafka no longer had for the hub.", ["reason"])
UNDECODABLE = Counter(
    "streamboard_undecodable_batches_total", "Batches of Kafka that cannot be decoded; each is a gap."
)
GAPS_NOTICED = Counter("streamboard_gaps_noticed_total", "Holes that a hub noticed and read from Kafka.", ["source"])
NOT_DECODED = Counter(
    "streamboard_records_not_decoded_total", "Values and keys that are not what their topic's format says.", ["topic"]
)
REGISTRY_AWAY = Gauge("streamboard_registry_away", "Whether the schema registry does not answer: 1 or 0.")
EVICTIONS = Counter("streamboard_evictions_total", "Connections closed by the server.", ["reason"])
SLOW_READERS = Counter("streamboard_slow_readers_total", "Times a reader fell off the log.")
REFUSALS = Counter("streamboard_refusals_total", "Sockets not let in, by the protocol's close code.", ["code"])
RESTARTS = Counter("streamboard_task_restarts_total", "New starts of supervised tasks.", ["task"])
TASKS_MISSING = Gauge("streamboard_tasks_missing", "1 for a supervised task that is not running.", ["task"])
LAYER_FAILURES = Counter("streamboard_layer_failures_total", "Messages that the channel layer did not take at once.")
FOREIGN_MESSAGES = Counter("streamboard_foreign_messages_total", "Layer messages of another version.")
LOOP_LAG = Gauge("streamboard_loop_lag_seconds", "How late the event loop woke for its last second.")
RIGHTS_LOOK = Gauge("streamboard_rights_look_seconds", "How long the last look at everybody's rights took.")
FANOUT_LAG = Gauge("streamboard_fanout_lag_records", "Offsets between the fan-out's positions and Kafka's ends.")
LINK = Gauge("streamboard_link_state", "1 for the state of the link to Kafka.", ["state"])

AGES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)

FILTERS_ENDED = Counter("streamboard_filters_ended_total", "Filters that took too much of the server's time.")

SEARCH_WORKER_RESTARTS = Counter("streamboard_search_worker_restarts_total", "Processes that search and were lost.")

# The flow of events ------------------------------------------------------------------------------------------------

RELAY_PUBLISHED = Counter("streamboard_relay_published_total", "Item events that Kafka acknowledged.")
RELAY_PUBLISHING = Gauge("streamboard_relay_publishing", "Whether a batch is under way to Kafka: 1 or 0.")
RELAY_BATCH = Histogram("streamboard_relay_batch_seconds", "From reading a batch of the outbox to marking it.")
OUTBOX_WAITING = Gauge("streamboard_outbox_waiting_messages", "Item events that wait to be published.")
OUTBOX_OLDEST = Gauge("streamboard_outbox_oldest_seconds", "Age of the oldest item event that waits.")
OUTBOX_PARKED = Gauge("streamboard_outbox_parked_messages", "Item events that Kafka refused for good.")
REGISTRY_QUESTIONS = Counter("streamboard_registry_questions_total", "Schemas that were asked for.", ["result"])
FANOUT_RECORDS = Counter("streamboard_fanout_records_total", "Records that the fan-out read from Kafka.")
RECORDS_RECEIVED = Counter("streamboard_hub_records_total", "Records that the hub took in, each once.", ["topic"])
FILTERS = Gauge("streamboard_filters", "Different filters of live streams.")
FILTERED = Counter(
    "streamboard_filtered_records_total", "Records that filters looked at and did something with.", ["outcome"]
)
SEARCHES_RUNNING = Gauge("streamboard_searches_running", "Searches and exports under way.", ["kind"])
SEARCHES_WAITING = Gauge("streamboard_searches_waiting", "Searches and exports that wait for their turn.", ["kind"])
SEARCHES_ENDED = Counter("streamboard_searches_ended_total", "Searches and exports by their end.", ["kind", "reason"])
SEARCHED_RECORDS = Counter("streamboard_searched_records_total", "Records that were looked at.", ["kind"])
DUPLICATE_RANGES = Counter("streamboard_hub_duplicate_ranges_total", "Ranges that the hub had already.")
REPAIRED_RANGES = Counter("streamboard_hub_repaired_ranges_total", "Ranges that the hub read back from Kafka.")
HISTORY_READS = Counter("streamboard_history_reads_total", "Parts of partitions read back from Kafka, for whomever.")
RECORDS_DELIVERED = Counter(
    "streamboard_delivered_records_total", "Records written to connections, each once a connection.", ["topic"]
)
OFFSETS_SKIPPED = Counter(
    "streamboard_skipped_offsets_total", "Offsets that readers skipped because they were slow.", ["topic"]
)
WRITTEN_AGE = Histogram(
    "streamboard_record_age_at_write_seconds",
    "Age of a frame's newest record, by Kafka's timestamp, when it is first written.",
    buckets=AGES,
)
ACKED_AGE = Histogram(
    "streamboard_record_age_at_ack_seconds",
    "Age of the newest record that a client's ack covers; clients ack every 2 s, or 256 KiB.",
    buckets=AGES,
)
FRAMES_SENT = Counter("streamboard_frames_sent_total", "Frames of records and gaps written to connections.")
CLIENT_JUMPS = Counter(
    "streamboard_client_jumps_total",
    "Ranges that did not join, as clients tell when they mend it: each a fault of ours.",
)
RESUMES = Counter("streamboard_resumes_total", "Streams started with a cursor, by result.", ["result"])

# What is there now -------------------------------------------------------------------------------------------------

CONNECTIONS = Gauge("streamboard_connections", "Open sockets of this process.")
TASKS = Gauge("streamboard_tasks", "Tasks on the event loop now.")
LOG_BYTES = Gauge("streamboard_hub_log_bytes", "Bytes of records in the hub's log.", ["topic"])


def link_is(state: str) -> None:
    """Notes the state of the link to Kafka: `live`, `catching_up` or `down`."""
    for known in ("live", "catching_up", "down"):
        LINK.labels(known).set(1 if known == state else 0)
