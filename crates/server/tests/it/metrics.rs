//! The list of metrics is the truth.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;
use veza_server::metric::METRICS;

use crate::person::Person;
use crate::process::{wait, wait_for};
use crate::serve::{Serve, configured, database};

#[test]
fn what_is_exported_is_listed() {
    let served = Serve::start(&mut configured(&database(), &["serve"]));
    let person = Person::new(&served.client(), "measured");
    let invited = json!({ "email": "bob@measured.example", "role": "member" });
    wait(person.client.post("/v1/tenant/invitations", &invited)).expect(201);
    wait(served.client().get("/nowhere")).expect(404);
    let queue = json!({ "name": "measured" });
    wait(person.client.post("/v1/jobs/queues", &queue)).expect(201);
    let message = json!({ "body": "measured" });
    wait(person.client.post("/v1/jobs/queues/measured/messages", &message)).expect(201);
    let text = wait_for("the message to be counted", || {
        let text = wait(served.client().get("/metrics")).text;
        text.contains("veza_jobs_waiting{queue=\"pull:*\"} 1").then_some(text)
    });
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let exported: BTreeSet<&str> = kinds.collect();
    assert!(exported.len() >= 4, "{text}");
    let listed: BTreeSet<String> = METRICS.iter().map(|m| format!("{} {}", m.name, m.kind)).collect();
    for metric in &exported {
        assert!(listed.contains(*metric), "{metric} is not in METRICS");
    }
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        labels_are_listed(line);
    }
    assert!(!text.contains("measured") && !text.contains(person.pair["organization_id"].as_str().unwrap()));
}

fn labels_are_listed(line: &str) {
    let Some((name, labels)) = line.split_once('{') else { return };
    let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let metric = METRICS.iter().find(|metric| metric.name == name).unwrap();
    for label in labels.split("\",").filter_map(|pair| pair.split_once('=')).map(|(label, _)| label) {
        assert!(label == "le" || metric.labels.contains(&label), "{label}: {line}");
    }
}

#[test]
fn what_is_listed_can_be_exported_and_the_other_way_round() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut used = BTreeSet::new();
    for entry in fs::read_dir(crates).unwrap() {
        collect(&entry.unwrap().path().join("src"), &mut used);
    }
    let listed: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(used, listed);
    assert!(METRICS.is_sorted_by_key(|metric| metric.name));
}

/// The names that stand in `counter!("…`, `gauge!("…` and `histogram!("…`.
fn collect(directory: &Path, used: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, used);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).unwrap();
            let text: String = text.split_whitespace().collect();
            for macro_name in ["counter!(\"", "gauge!(\"", "histogram!(\""] {
                let names = text.split(macro_name).skip(1).filter_map(|rest| rest.split('"').next());
                used.extend(names.map(str::to_owned));
            }
        }
    }
}
