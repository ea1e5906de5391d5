//! What operators look at, made of what the program measures: dashboards and burn-rate alerts.

mod board;
mod level;
pub(crate) mod metric;
mod panel;

use std::path::PathBuf;

use crate::Outcome;

/// The program's list of metrics.
pub(crate) const METRICS: &str = "docs/reference/metrics.md";
/// Prometheus' rules; those of `levels.yaml` are made here.
pub(crate) const RULES: &str = "nixos-modules/observability/rules";
/// Grafana's dashboards.
pub(crate) const DASHBOARDS: &str = "nixos-modules/observability/dashboards";

/// All files, with their texts, of the list of metrics. A metric that nobody would see is an error.
pub(crate) fn files(reference: &str) -> Outcome<Vec<(PathBuf, String)>> {
    let metrics = metric::all(reference);
    if metrics.is_empty() {
        return Err(format!("{METRICS} lists no metric"));
    }
    let unseen = metrics.iter().find(|metric| !board::BOARDS.iter().any(|board| board.shows(metric)));
    if let Some(metric) = unseen {
        return Err(format!("{}: no dashboard shows it; see xtask/src/observe/board.rs", metric.name));
    }
    let mut files = vec![(PathBuf::from(RULES).join("levels.yaml"), level::yaml())];
    for board in &board::BOARDS {
        let text = serde_json::to_string_pretty(&board.json(&metrics)).map_err(|error| error.to_string())?;
        files.push((PathBuf::from(DASHBOARDS).join(format!("{}.json", board.name)), format!("{text}\n")));
    }
    Ok(files)
}
