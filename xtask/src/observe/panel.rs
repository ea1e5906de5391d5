//! A panel of a dashboard.

use serde_json::{Value, json};

use super::metric::Metric;

/// A panel: what it shows, in which unit, by which expressions and what each line is called.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) unit: &'static str,
    pub(crate) lines: Vec<(String, String)>,
}

impl Panel {
    /// One that somebody thought of.
    pub(crate) fn of(title: &str, unit: &'static str, lines: &[(&str, &str)]) -> Self {
        Self {
            title: title.to_owned(),
            description: String::new(),
            unit,
            lines: lines
                .iter()
                .map(|(expression, name)| ((*expression).to_owned(), (*name).to_owned()))
                .collect(),
        }
    }

    /// The one of a metric.
    pub(crate) fn of_metric(metric: &Metric) -> Self {
        let (unit, lines) = match metric.kind.as_str() {
            "histogram" => (unit(&metric.name), histogram(metric)),
            "counter" => (rate_unit(&metric.name), vec![line(metric, &rate(&metric.name))]),
            _ => (unit(&metric.name), vec![line(metric, &metric.name)]),
        };
        Self { title: title(&metric.name), description: metric.description(), unit, lines }
    }

    pub(crate) fn json(&self, number: usize) -> Value {
        let targets: Vec<Value> = self
            .lines
            .iter()
            .zip('A'..)
            .map(|((expression, name), letter)| {
                json!({ "refId": letter.to_string(), "expr": expression, "legendFormat": name })
            })
            .collect();
        json!({
            "id": number + 1,
            "title": self.title,
            "description": self.description,
            "type": "timeseries",
            "datasource": { "type": "prometheus", "uid": "prometheus" },
            // Two beside each other, of 24 columns.
            "gridPos": { "x": number % 2 * 12, "y": number / 2 * 8, "w": 12, "h": 8 },
            "fieldConfig": { "defaults": { "unit": self.unit, "min": 0 }, "overrides": [] },
            "targets": targets,
        })
    }
}

/// `veza_stream_forward_delay_seconds` is about the forward delay.
fn title(name: &str) -> String {
    let without = |text: &str, ends: &[&str]| {
        ends.iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text).to_owned()
    };
    let short = without(&without(name, &["_total"]), &["_seconds", "_bytes"]);
    let words: Vec<&str> = short.split('_').skip(2).collect();
    let text = words.join(" ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn unit(name: &str) -> &'static str {
    if name.ends_with("_seconds") {
        "s"
    } else if name.ends_with("_bytes") {
        "bytes"
    } else if name.ends_with("_ratio") {
        "percentunit"
    } else {
        "short"
    }
}

fn rate_unit(name: &str) -> &'static str {
    if name.ends_with("_bytes_total") { "Bps" } else { "cps" }
}

fn rate(name: &str) -> String {
    format!("rate({name}[$__rate_interval])")
}

/// One line for each combination of labels.
fn line(metric: &Metric, expression: &str) -> (String, String) {
    let (sum, labels) = (metric.sum(), metric.labels.join(", "));
    let name = metric.labels.iter().map(|label| format!("{{{{{label}}}}}")).collect::<Vec<_>>().join(" ");
    if labels.is_empty() {
        return (format!("{sum}({expression})"), "all".to_owned());
    }
    (format!("{sum} by ({labels}) ({expression})"), name)
}

/// Median and tail; by label the tail alone, which says where to look.
fn histogram(metric: &Metric) -> Vec<(String, String)> {
    let buckets = rate(&format!("{}_bucket", metric.name));
    let of = |share: &str| format!("histogram_quantile({share}, sum by (le) ({buckets}))");
    if metric.labels.is_empty() {
        return [("0.5", "median"), ("0.95", "95 %"), ("0.99", "99 %")]
            .map(|(share, name)| (of(share), name.to_owned()))
            .into();
    }
    let labels = metric.labels.join(", ");
    let name = metric.labels.iter().map(|label| format!("{{{{{label}}}}}")).collect::<Vec<_>>().join(" ");
    vec![
        (of("0.5"), "median of all".to_owned()),
        (
            format!("topk(10, histogram_quantile(0.95, sum by (le, {labels}) ({buckets})))"),
            format!("95 %, {name}"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, kind: &str, labels: &[&str]) -> Metric {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Metric { name: name.to_owned(), kind: kind.to_owned(), labels, meaning: "Things.".to_owned() }
    }

    #[test]
    fn each_kind_has_its_panel() {
        let panel = Panel::of_metric(&metric("veza_storage_sent_bytes_total", "counter", &[]));
        assert_eq!((panel.title.as_str(), panel.unit), ("Sent", "Bps"));
        assert_eq!(panel.lines[0].0, "sum(rate(veza_storage_sent_bytes_total[$__rate_interval]))");
        let panel = Panel::of_metric(&metric("veza_stream_sessions", "gauge", &["kind"]));
        assert_eq!(panel.lines, [("sum by (kind) (veza_stream_sessions)".to_owned(), "{{kind}}".to_owned())]);
        let panel = Panel::of_metric(&metric("veza_stream_forward_delay_seconds", "histogram", &[]));
        assert_eq!((panel.title.as_str(), panel.unit, panel.lines.len()), ("Forward delay", "s", 3));
    }
}
