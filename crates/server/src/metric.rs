//! Every metric that the program exports. A test compares the list with what `/metrics` says.

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels, all with few values.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub meaning: &'static str,
}

/// All of them.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "veza_chat_batch_messages",
        kind: "histogram",
        labels: &[],
        meaning: "Messages of one commit.",
    },
    Metric {
        name: "veza_chat_connections",
        kind: "gauge",
        labels: &[],
        meaning: "WebSockets and streams of events whose token was verified.",
    },
    Metric { name: "veza_chat_messages_total", kind: "counter", labels: &[], meaning: "Messages stored." },
    Metric {
        name: "veza_chat_rooms_live",
        kind: "gauge",
        labels: &[],
        meaning: "Rooms that somebody listens to here, or did a minute ago.",
    },
    Metric {
        name: "veza_chat_sends_refused_total",
        kind: "counter",
        labels: &[],
        meaning: "Messages refused because too many waited to be stored.",
    },
    Metric {
        name: "veza_core_system_transactions_total",
        kind: "counter",
        labels: &["reason"],
        meaning: "Transactions that cross the tenant boundary, by reason.",
    },
    Metric {
        name: "veza_core_task_panics_total",
        kind: "counter",
        labels: &["task"],
        meaning: "Background tasks that ended by a panic.",
    },
    Metric {
        name: "veza_core_transactions_refused_total",
        kind: "counter",
        labels: &["pool"],
        meaning: "Transactions refused because the queue was full.",
    },
    Metric {
        name: "veza_core_transactions_waiting",
        kind: "gauge",
        labels: &[],
        meaning: "Transactions that wait for a connection.",
    },
    Metric {
        name: "veza_jobs_cancelled_total",
        kind: "counter",
        labels: &["queue"],
        meaning: "Jobs cancelled. Every worker tells the same number.",
    },
    Metric {
        name: "veza_jobs_dead",
        kind: "gauge",
        labels: &["queue"],
        meaning: "Dead letters. Every worker tells the same number.",
    },
    Metric {
        name: "veza_jobs_deferred",
        kind: "gauge",
        labels: &["queue"],
        meaning: "Jobs that may run later. Every worker tells the same number.",
    },
    Metric {
        name: "veza_jobs_died_total",
        kind: "counter",
        labels: &["queue"],
        meaning: "Jobs that became dead letters. Every worker tells the same number.",
    },
    Metric {
        name: "veza_jobs_done_total",
        kind: "counter",
        labels: &["queue"],
        meaning: "Jobs done. Every worker tells the same number.",
    },
    Metric {
        name: "veza_jobs_enqueued_total",
        kind: "counter",
        labels: &["queue"],
        meaning: "Jobs enqueued. Every worker tells the same number.",
    },
    Metric {
        name: "veza_jobs_events_refused_total",
        kind: "counter",
        labels: &[],
        meaning: "Events that a bound queue did not take, and others got.",
    },
    Metric {
        name: "veza_jobs_failed_total",
        kind: "counter",
        labels: &["queue"],
        meaning: "Attempts that failed. Every worker tells the same number.",
    },
    Metric {
        name: "veza_jobs_leases_lost_total",
        kind: "counter",
        labels: &[],
        meaning: "Jobs of this process that ended when their lease was somebody else's.",
    },
    Metric {
        name: "veza_jobs_oldest_seconds",
        kind: "gauge",
        labels: &["queue"],
        meaning: "How long the oldest job that may run has waited. Every worker tells the same number.",
    },
    Metric {
        name: "veza_jobs_redriven_total",
        kind: "counter",
        labels: &[],
        meaning: "Dead letters that this process took back.",
    },
    Metric {
        name: "veza_jobs_rescued_total",
        kind: "counter",
        labels: &[],
        meaning: "Jobs that this process took back from workers that went away.",
    },
    Metric {
        name: "veza_jobs_run_seconds",
        kind: "histogram",
        labels: &["queue"],
        meaning: "Time that attempts of this process took.",
    },
    Metric {
        name: "veza_jobs_running",
        kind: "gauge",
        labels: &["queue"],
        meaning: "Jobs that are worked on. Every worker tells the same number.",
    },
    Metric {
        name: "veza_jobs_slots_used",
        kind: "gauge",
        labels: &["queue"],
        meaning: "Jobs that this process works on.",
    },
    Metric {
        name: "veza_jobs_wait_seconds",
        kind: "histogram",
        labels: &["queue"],
        meaning: "Time from when a job may run to its start in this process.",
    },
    Metric {
        name: "veza_jobs_waiting",
        kind: "gauge",
        labels: &["queue"],
        meaning: "Jobs that may run now. Every worker tells the same number.",
    },
    Metric {
        name: "veza_storage_backend_errors_total",
        kind: "counter",
        labels: &["operation"],
        meaning: "Calls of the backend of files that failed through its fault: away, full, refusing, or with damaged bytes.",
    },
    Metric {
        name: "veza_storage_backend_seconds",
        kind: "histogram",
        labels: &["operation"],
        meaning: "Time until the backend of files answered; of `put` with the bytes, however fast they came.",
    },
    Metric {
        name: "veza_storage_received_bytes_total",
        kind: "counter",
        labels: &[],
        meaning: "Bytes of files that came.",
    },
    Metric {
        name: "veza_storage_requests_total",
        kind: "counter",
        labels: &[],
        meaning: "Requests for bytes of files that ended.",
    },
    Metric {
        name: "veza_storage_sent_bytes_total",
        kind: "counter",
        labels: &[],
        meaning: "Bytes of files that went.",
    },
    Metric {
        name: "veza_stream_connect_seconds",
        kind: "histogram",
        labels: &[],
        meaning: "From the answer to an offer to media that may flow.",
    },
    Metric {
        name: "veza_stream_dropped_messages_total",
        kind: "counter",
        labels: &[],
        meaning: "Messages between threads of media that had no room.",
    },
    Metric {
        name: "veza_stream_forward_delay_seconds",
        kind: "histogram",
        labels: &[],
        meaning: "From when a burst of packets came to when it went on.",
    },
    Metric {
        name: "veza_stream_forwarded_packets_total",
        kind: "counter",
        labels: &[],
        meaning: "Packets sent to viewers, retransmissions left out.",
    },
    Metric {
        name: "veza_stream_panics_total",
        kind: "counter",
        labels: &[],
        meaning: "Media threads that panicked, ended their sessions and began anew.",
    },
    Metric {
        name: "veza_stream_recorder_dropped_packets_total",
        kind: "counter",
        labels: &[],
        meaning: "Packets that a recorder did not take in time.",
    },
    Metric {
        name: "veza_stream_recording_retries_total",
        kind: "counter",
        labels: &[],
        meaning: "Parts of recordings that could not be stored, and are tried again.",
    },
    Metric {
        name: "veza_stream_recordings_total",
        kind: "counter",
        labels: &[],
        meaning: "Recordings that began.",
    },
    Metric {
        name: "veza_stream_refused_connections_total",
        kind: "counter",
        labels: &[],
        meaning: "Connections to the media port that were beyond the limit.",
    },
    Metric {
        name: "veza_stream_refused_packets_total",
        kind: "counter",
        labels: &["reason"],
        meaning: "Datagrams that were not what they claimed to be.",
    },
    Metric {
        name: "veza_stream_refused_viewers_total",
        kind: "counter",
        labels: &[],
        meaning: "Viewers for whom the media threads had no time.",
    },
    Metric {
        name: "veza_stream_sessions",
        kind: "gauge",
        labels: &["kind"],
        meaning: "Publishers and viewers that this process holds.",
    },
    Metric {
        name: "veza_stream_sessions_connected_total",
        kind: "counter",
        labels: &["kind"],
        meaning: "Sessions whose media may flow.",
    },
    Metric {
        name: "veza_stream_sessions_ended_total",
        kind: "counter",
        labels: &["kind", "reason"],
        meaning: "Sessions that ended, and why.",
    },
    Metric {
        name: "veza_stream_thread_busy_ratio",
        kind: "gauge",
        labels: &["thread"],
        meaning: "How much of the last second a media thread worked, from 0 to 1.",
    },
    Metric {
        name: "veza_stream_unsent_datagrams_total",
        kind: "counter",
        labels: &[],
        meaning: "Datagrams that the system did not take.",
    },
    Metric {
        name: "veza_stream_viewer_missing_packets_total",
        kind: "counter",
        labels: &[],
        meaning: "Packets that viewers asked for again.",
    },
    Metric {
        name: "veza_tenant_mails_total",
        kind: "counter",
        labels: &["outcome"],
        meaning: "E-mails that were given to the mail server (`sent`) or could not be (`failed`, tried again).",
    },
    Metric {
        name: "veza_tenant_sign_ins_total",
        kind: "counter",
        labels: &["outcome"],
        meaning: "Attempts to sign in: `granted`, `refused` (address or password are wrong), or `other`.",
    },
    Metric {
        name: "veza_web_panics_total",
        kind: "counter",
        labels: &[],
        meaning: "Handlers that panicked.",
    },
    Metric {
        name: "veza_web_request_duration_seconds",
        kind: "histogram",
        labels: &["method", "route"],
        meaning: "Time from the first byte of a request to its answer.",
    },
    Metric {
        name: "veza_web_requests_aborted_total",
        kind: "counter",
        labels: &["method"],
        meaning: "Requests whose client went away before the answer.",
    },
    Metric {
        name: "veza_web_requests_total",
        kind: "counter",
        labels: &["method", "route", "status"],
        meaning: "Requests answered.",
    },
];
