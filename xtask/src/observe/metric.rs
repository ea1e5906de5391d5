//! The program's own list of metrics, as it prints it.

/// What a metric's meaning says when one process knows as much as all of them.
const SAME: &str = "Every worker tells the same number.";

/// One metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) labels: Vec<String>,
    pub(crate) meaning: String,
}

impl Metric {
    /// How the numbers of several processes become one.
    pub(crate) fn sum(&self) -> &'static str {
        // Shares are not added up.
        if self.meaning.contains(SAME) || self.name.ends_with("_ratio") { "max" } else { "sum" }
    }

    /// What people read, without what computers do.
    pub(crate) fn description(&self) -> String {
        self.meaning.replace(SAME, "").trim().to_owned()
    }

    /// The name under which Prometheus keeps it: a histogram is of three parts.
    pub(crate) fn series(&self) -> Vec<String> {
        if self.kind == "histogram" {
            return ["bucket", "count", "sum"].map(|part| format!("{}_{part}", self.name)).into();
        }
        vec![self.name.clone()]
    }
}

/// The rows of `docs/reference/metrics.md`.
pub(crate) fn all(reference: &str) -> Vec<Metric> {
    let rows = reference.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.splitn(4, " | ");
        let (name, kind) = (cells.next()?.strip_suffix('`')?, cells.next()?);
        let (labels, meaning) = (cells.next()?, cells.next()?);
        let labels = labels.split(", ").map(|label| label.trim_matches(['`', ' ']).to_owned());
        Some(Metric {
            name: name.to_owned(),
            kind: kind.to_owned(),
            labels: labels.filter(|label| !label.is_empty()).collect(),
            meaning: meaning.to_owned(),
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read() {
        let text = "| metric | type | labels | meaning |\n|---|---|---|---|\n\
            | `veza_a_total` | counter |  | Things. |\n\
            | `veza_b_seconds` | histogram | `kind`, `reason` | Time. Every worker tells the same number. |\n";
        let all = all(text);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].labels.len(), all[0].sum()), (0, "sum"));
        assert_eq!(all[1].labels, ["kind", "reason"]);
        assert_eq!((all[1].sum(), all[1].description()), ("max", "Time.".to_owned()));
        assert_eq!(all[1].series()[0], "veza_b_seconds_bucket");
    }
}
