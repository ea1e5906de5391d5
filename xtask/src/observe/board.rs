//! The dashboards: a panel for each metric of a noun, behind those that somebody thought of.

use serde_json::{Value, json};

use super::metric::Metric;
use super::panel::Panel;

/// An expression, and what its line is called.
type Line = (&'static str, &'static str);
/// A panel that somebody thought of: its title, its unit, its lines.
type Thought = (&'static str, &'static str, &'static [Line]);

/// One dashboard.
pub(crate) struct Board {
    /// The file, without its ending.
    pub(crate) name: &'static str,
    title: &'static str,
    /// Whose metrics it shows, by the beginning of their names.
    metrics: &'static [&'static str],
    first: &'static [Thought],
}

/// All of them. Each metric must be on one.
pub(crate) const BOARDS: [Board; 7] = [
    Board {
        name: "platform",
        title: "Veza: platform",
        metrics: &["veza_web_", "veza_core_"],
        first: &[
            (
                "Requests by status",
                "reqps",
                &[("sum by (status) (rate(veza_web_requests_total[$__rate_interval]))", "{{status}}")],
            ),
            (
                "Share of requests that fails, of 0.1 % allowed",
                "percentunit",
                &[
                    ("veza:requests:bad_ratio_rate5m", "5 minutes"),
                    ("veza:requests:bad_ratio_rate1h", "an hour"),
                ],
            ),
            (
                "Share of requests that is slow, of 5 % allowed",
                "percentunit",
                &[
                    ("veza:latency:bad_ratio_rate5m", "5 minutes"),
                    ("veza:latency:bad_ratio_rate1h", "an hour"),
                ],
            ),
            ("Processes that answer", "short", &[("up{job=~\"veza-.*\"}", "{{job}} {{instance}}")]),
        ],
    },
    Board {
        name: "tenants",
        title: "Veza: tenants",
        metrics: &["veza_tenant_"],
        first: &[
            (
                "Requests beyond a limit, by route",
                "reqps",
                &[(
                    "topk(10, sum by (route) (rate(veza_web_requests_total{status=\"429\"}[$__rate_interval])))",
                    "{{route}}",
                )],
            ),
            (
                "Requests without a right, by route",
                "reqps",
                &[(
                    "topk(10, sum by (route) (rate(veza_web_requests_total{status=~\"401|403\"}[$__rate_interval])))",
                    "{{route}}",
                )],
            ),
            (
                "Transactions that cross the boundary, by reason",
                "ops",
                &[(
                    "sum by (reason) (rate(veza_core_system_transactions_total[$__rate_interval]))",
                    "{{reason}}",
                )],
            ),
        ],
    },
    Board { name: "queues", title: "Veza: queues", metrics: &["veza_jobs_"], first: &[] },
    Board {
        name: "storage",
        title: "Veza: files",
        metrics: &["veza_storage_"],
        first: &[(
            "Share of the backend's calls that fails, of 0.1 % allowed",
            "percentunit",
            &[("veza:storage:bad_ratio_rate5m", "5 minutes"), ("veza:storage:bad_ratio_rate1h", "an hour")],
        )],
    },
    Board {
        name: "chat",
        title: "Veza: chat",
        metrics: &["veza_chat_"],
        first: &[(
            "Share of messages refused, of 0.1 % allowed",
            "percentunit",
            &[("veza:chat:bad_ratio_rate5m", "5 minutes"), ("veza:chat:bad_ratio_rate1h", "an hour")],
        )],
    },
    Board {
        name: "media",
        title: "Veza: media",
        metrics: &["veza_stream_"],
        first: &[(
            "Share of packets later than 50 ms, of 1 % allowed",
            "percentunit",
            &[("veza:media:bad_ratio_rate5m", "5 minutes"), ("veza:media:bad_ratio_rate1h", "an hour")],
        )],
    },
    Board {
        name: "database",
        title: "Veza: database",
        metrics: &[],
        first: &[
            (
                "Transactions",
                "ops",
                &[
                    (
                        "sum by (datname) (rate(pg_stat_database_xact_commit[$__rate_interval]))",
                        "{{datname}}, committed",
                    ),
                    (
                        "sum by (datname) (rate(pg_stat_database_xact_rollback[$__rate_interval]))",
                        "{{datname}}, rolled back",
                    ),
                ],
            ),
            (
                "Connections",
                "short",
                &[
                    ("sum by (datname) (pg_stat_database_numbackends)", "{{datname}}"),
                    ("sum(pg_settings_max_connections)", "at most"),
                ],
            ),
            ("Size", "bytes", &[("pg_database_size_bytes", "{{datname}}")]),
            (
                "Share of blocks found in memory",
                "percentunit",
                &[(
                    "sum by (datname) (rate(pg_stat_database_blks_hit[$__rate_interval])) / sum by (datname) (rate(pg_stat_database_blks_hit[$__rate_interval]) + rate(pg_stat_database_blks_read[$__rate_interval]))",
                    "{{datname}}",
                )],
            ),
            (
                "Deadlocks",
                "cps",
                &[("sum by (datname) (rate(pg_stat_database_deadlocks[$__rate_interval]))", "{{datname}}")],
            ),
            (
                "The longest transaction",
                "s",
                &[("max by (datname) (pg_stat_activity_max_tx_duration)", "{{datname}}")],
            ),
            (
                "Transactions of Veza that wait for a connection",
                "short",
                &[("sum by (instance) (veza_core_transactions_waiting)", "{{instance}}")],
            ),
        ],
    },
];

impl Board {
    /// Whether it shows the metric.
    pub(crate) fn shows(&self, metric: &Metric) -> bool {
        self.metrics.iter().any(|start| metric.name.starts_with(start))
    }

    /// What Grafana reads.
    pub(crate) fn json(&self, metrics: &[Metric]) -> Value {
        let thought = self.first.iter().map(|(title, unit, lines)| Panel::of(title, unit, lines));
        let made = metrics.iter().filter(|metric| self.shows(metric)).map(Panel::of_metric);
        let panels: Vec<Value> =
            thought.chain(made).enumerate().map(|(number, panel)| panel.json(number)).collect();
        json!({
            "uid": format!("veza-{}", self.name),
            "title": self.title,
            "tags": ["veza"],
            "schemaVersion": 39,
            "version": 1,
            "editable": false,
            "refresh": "30s",
            "time": { "from": "now-6h", "to": "now" },
            "templating": { "list": [] },
            "panels": panels,
        })
    }
}
