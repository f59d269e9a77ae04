"""What a gateway shows to Prometheus: every metric with its kind, what it says, and its labels.

Those of the processes are counters on their pages, under these names; a histogram's are the cumulative `_bucket`
(with a label `le`) and `_sum`, and times of names that end in _seconds are in nanoseconds there. The supervisor adds
its own, and the observer writes those of drift. docs/metrics.md is made from this table, and rules and dashboards are
held against it.
"""

from typing import Final

from gnomon.exposition import COUNTER, GAUGE, HISTOGRAM, Described

PROCESS: Final = ("process",)
ARM: Final = ("process", "model", "version", "arm")
SHADOW: Final = ("process", "model", "version")
PAIR: Final = ("process", "model", "version", "live_version")
ROWS: Final = ("process", "dataset", "model", "status")
EXPORT: Final = ("process", "consumer", "journal")
CONSUMER: Final = ("process", "consumer", "journal")
JOURNAL: Final = ("process", "journal")
MONITOR: Final = ("model", "version", "feature")

METRICS: Final[dict[str, Described]] = {
    "gnomon_worker_received_total": Described(COUNTER, "Calls of ModelInfer that reached a worker.", PROCESS),
    "gnomon_worker_shed_total": Described(
        COUNTER, "Calls that were shed, by why: too many, too much work, too late, not ready.", (*PROCESS, "reason")
    ),
    "gnomon_worker_ended_total": Described(
        COUNTER, "Calls by how they ended; received less these is in flight.", (*PROCESS, "status")
    ),
    "gnomon_worker_in_flight": Described(GAUGE, "Calls being worked on.", PROCESS),
    "gnomon_worker_backlog_seconds": Described(GAUGE, "What the runs of waiting calls are expected to take.", PROCESS),
    "gnomon_worker_journaled_total": Described(COUNTER, "Answered calls written to the journal.", PROCESS),
    "gnomon_worker_journal_lost_total": Described(
        COUNTER, "Calls there was no journal segment for.", (*PROCESS, "status")
    ),
    "gnomon_worker_journal_failing": Described(
        GAUGE, "1 while the disk gives no journal segment and records are lost.", PROCESS
    ),
    "gnomon_worker_unrecorded_total": Described(
        COUNTER, "Calls that a killed worker had begun and not journaled.", PROCESS
    ),
    "gnomon_worker_books_first_sequence": Described(
        GAUGE, "Sequence of the journal that the page's counts begin with.", PROCESS
    ),
    "gnomon_worker_books_sequence": Described(GAUGE, "Sequence of the journal when the worker last started.", PROCESS),
    "gnomon_worker_books_ended": Described(GAUGE, "Calls that had ended when the worker last started.", PROCESS),
    "gnomon_worker_shadow_offered_total": Described(COUNTER, "Answered calls that a shadow wants to see.", SHADOW),
    "gnomon_worker_collections_total": Described(COUNTER, "Garbage collections of a worker.", PROCESS),
    "gnomon_worker_collection_ns_total": Described(COUNTER, "Nanoseconds they took.", PROCESS),
    "gnomon_worker_collection_longest_ns": Described(GAUGE, "Nanoseconds the longest since its start took.", PROCESS),
    "gnomon_run_rows": Described(HISTOGRAM, "Rows in a run of a model: what came together.", (*PROCESS, "model")),
    "gnomon_breaker_state": Described(GAUGE, "Of a canary arm in a worker: 0 closed, 1 half open, 2 open.", SHADOW),
    "gnomon_breaker_trips_total": Described(
        COUNTER, "How often it opened, by what most of the bad calls were.", (*SHADOW, "reason")
    ),
    "gnomon_breaker_tripped_unix_ms": Described(
        GAUGE, "When it last opened for that reason, milliseconds since 1970.", (*SHADOW, "reason")
    ),
    "gnomon_breaker_diverted_total": Described(
        COUNTER, "Calls that stable answered in the place of a tripped arm.", (*PROCESS, "model")
    ),
    "gnomon_breaker_calls_total": Described(
        COUNTER, "Calls of routes with a canary, by version, that breakers have counted.", SHADOW
    ),
    "gnomon_breaker_bad_total": Described(
        COUNTER, "Of these, calls that failed, timed out, or gave what is no number.", (*SHADOW, "reason")
    ),
    "gnomon_breaker_calls_before": Described(
        GAUGE, "Calls that had been counted when the version last became a canary of the worker.", SHADOW
    ),
    "gnomon_breaker_bad_before": Described(GAUGE, "Of these, the bad ones.", SHADOW),
    "gnomon_calls_total": Described(
        COUNTER, "Calls in the journal, by model, version, arm and status.", (*ARM, "status")
    ),
    "gnomon_call_latency_seconds": Described(
        HISTOGRAM, "Arrival to reply of answered calls; with an edge at every budget of the model.", ARM
    ),
    "gnomon_call_stage_seconds_total": Described(
        COUNTER, "Time that answered calls spent being decoded, waiting, and in a run.", (*ARM, "stage")
    ),
    "gnomon_shadow_offered_total": Described(
        COUNTER, "Calls offered to a shadow: run + shed + expired + failed.", SHADOW
    ),
    "gnomon_shadow_run_total": Described(COUNTER, "Calls a shadow has run.", SHADOW),
    "gnomon_shadow_shed_total": Described(COUNTER, "Calls left out because the shadow was too far behind.", SHADOW),
    "gnomon_shadow_expired_total": Described(COUNTER, "Calls left out because they were too old.", SHADOW),
    "gnomon_shadow_failed_total": Described(COUNTER, "Calls a shadow could not run.", SHADOW),
    "gnomon_shadow_restarts_total": Described(COUNTER, "Processes of a shadow arm that died or were ended.", SHADOW),
    "gnomon_shadow_pairs_total": Described(COUNTER, "Rows scored by both a shadow and a live version.", PAIR),
    "gnomon_shadow_disagreements_total": Described(
        COUNTER, "Pairs whose scores differ by more than the route tolerates.", PAIR
    ),
    "gnomon_shipped_rows_total": Described(COUNTER, "Calls exported to Parquet.", ROWS),
    "gnomon_shipped_segments_total": Described(COUNTER, "Journal segments exported.", PROCESS),
    "gnomon_shipped_files_total": Described(COUNTER, "Parquet files written.", PROCESS),
    "gnomon_shipped_bytes_total": Described(COUNTER, "Bytes of Parquet written.", PROCESS),
    "gnomon_shipped_errors_total": Described(
        COUNTER, "Exports that the disk or the store refused; they are tried again.", PROCESS
    ),
    "gnomon_shipped_expired_days_total": Described(
        COUNTER, "Days of a model's exports removed, as its log policy says.", PROCESS
    ),
    "gnomon_export_journaled_total": Described(
        COUNTER, "Journal records: read + pending + expired + unreadable.", EXPORT
    ),
    "gnomon_export_expired_total": Described(
        COUNTER, "Journal records that retention took before they were exported.", EXPORT
    ),
    "gnomon_export_unreadable_total": Described(COUNTER, "Journal records in damaged parts of segments.", EXPORT),
    "gnomon_export_lost_total": Described(
        COUNTER, "Sequences that were never journaled: their writer had no segment.", EXPORT
    ),
    "gnomon_published_rows_total": Described(COUNTER, "Calls published into the stream.", ROWS),
    "gnomon_published_segments_total": Described(COUNTER, "Journal segments published.", PROCESS),
    "gnomon_published_messages_total": Described(COUNTER, "Messages the stream has acknowledged.", PROCESS),
    "gnomon_published_bytes_total": Described(COUNTER, "Bytes of those messages.", PROCESS),
    "gnomon_published_errors_total": Described(
        COUNTER, "Segments the stream did not take; they are tried again.", PROCESS
    ),
    "gnomon_published_bare_total": Described(
        COUNTER, "Calls larger than a message may be, published without their tensors.", PROCESS
    ),
    "gnomon_consumer_read_total": Described(COUNTER, "Journal records a consumer has dealt with.", CONSUMER),
    "gnomon_consumer_missed_total": Described(
        COUNTER, "Journal records that were gone before a consumer came to them.", CONSUMER
    ),
    "gnomon_consumer_corrupt_total": Described(
        COUNTER, "Journal segments with a part that could not be read.", CONSUMER
    ),
    "gnomon_consumer_pending": Described(
        GAUGE, "Journal records a consumer has still to read; about, inside the newest segment.", CONSUMER
    ),
    "gnomon_consumer_pending_bytes": Described(GAUGE, "Bytes of journal a consumer has still to read.", CONSUMER),
    "gnomon_consumer_cursor": Described(GAUGE, "Sequence of the record a consumer reads next.", CONSUMER),
    "gnomon_consumer_checkpoints_lost_total": Described(
        COUNTER, "Checkpoints that could not be used at the last start.", (*PROCESS, "consumer")
    ),
    "gnomon_retention_segments_total": Described(COUNTER, "Journal segments removed.", JOURNAL),
    "gnomon_retention_bytes_total": Described(COUNTER, "Bytes of journal removed.", JOURNAL),
    "gnomon_retention_records_total": Described(COUNTER, "Journal records removed.", JOURNAL),
    "gnomon_retention_unread_total": Described(
        COUNTER, "Journal records removed before a consumer had read them.", (*JOURNAL, "consumer")
    ),
    "gnomon_drift_psi": Described(
        GAUGE, "PSI of a feature or score, of the last minutes against the training data.", MONITOR
    ),
    "gnomon_drift_psi_lower": Described(
        GAUGE, "What that PSI is at least, by its lower confidence bound: above 0.1 it is an alarm.", MONITOR
    ),
    "gnomon_drift_ks": Described(GAUGE, "Kolmogorov-Smirnov distance, at least.", MONITOR),
    "gnomon_drift_missing_ratio": Described(GAUGE, "Share of values that are missing.", MONITOR),
    "gnomon_drift_rows": Described(GAUGE, "Rows in the window that was judged.", ("model", "version")),
    "gnomon_drift_alarmed_features": Described(
        GAUGE, "Features and scores that are an alarm, of all, at 1 in 1000 over all of them.", ("model", "version")
    ),
    "gnomon_drift_judged_timestamp_seconds": Described(GAUGE, "When it was judged.", ("model", "version")),
    "gnomon_page_refused_total": Described(COUNTER, "Increments that found no room on a page.", PROCESS),
    "gnomon_drift_late_rows_total": Described(COUNTER, "Rows whose drift sub-window was closed already.", PROCESS),
    # Of the supervisor.
    "gnomon_build_info": Described(GAUGE, "The program's version, as a label of 1.", ("version",)),
    "gnomon_metrics_series_dropped": Described(
        GAUGE, "Series left out, or added to those of `other`, to keep labels few.", PROCESS
    ),
    "gnomon_process_restarts_total": Described(
        COUNTER, "Times a process of this host had to be started again.", PROCESS
    ),
    "gnomon_worker_ready": Described(GAUGE, "1 while a worker serves the state in force.", PROCESS),
    "gnomon_registry_connected": Described(GAUGE, "1 while the registry is heard."),
    "gnomon_applied_revision": Described(GAUGE, "Revision of the registry's state that is in force here."),
    "gnomon_load_failures": Described(GAUGE, "Versions that could not be pulled or loaded."),
    "gnomon_disk_free_bytes": Described(GAUGE, "Room on the disk of the gateway's folder."),
    "gnomon_route_epoch": Described(GAUGE, "Epoch of the route in force.", ("model",)),
    "gnomon_route_weight_ratio": Described(
        GAUGE, "Share of a model's calls that an arm of its route is given.", ("model", "version", "arm")
    ),
    "gnomon_route_budget_seconds": Described(
        GAUGE, "Latency budget of a model's rollout; `le` is that of its edge in the latency buckets.", ("model", "le")
    ),
}
