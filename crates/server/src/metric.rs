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
