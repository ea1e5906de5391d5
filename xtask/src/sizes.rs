//! `cargo xtask sizes`: budgets that keep the code readable.

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::percentile::percentile;
use crate::source::{self, Source};

/// One line of the table.
struct Budget {
    what: &'static str,
    is: usize,
    at_most: usize,
    /// Who to look at when it is exceeded.
    offenders: Vec<String>,
}

pub(crate) fn run() -> Outcome {
    let sources = source::all(Path::new("."))?;
    let budgets: Vec<Budget> = files(&sources)
        .into_iter()
        .chain(functions(&sources))
        .chain([core(&sources), libs(&sources), flake()])
        .collect();
    let exceeded: Vec<&Budget> = budgets.iter().filter(|budget| budget.is > budget.at_most).collect();
    println!("{:<44} {:>6} {:>8}", "lines", "is", "at most");
    for budget in &budgets {
        println!("{:<44} {:>6} {:>8}", budget.what, budget.is, budget.at_most);
    }
    if exceeded.is_empty() {
        return Ok(());
    }
    let lines =
        |budget: &&Budget| format!("over budget: {}\n    {}", budget.what, budget.offenders.join("\n    "));
    Err(exceeded.iter().map(lines).collect::<Vec<_>>().join("\n"))
}

fn files(sources: &[Source]) -> [Budget; 3] {
    let named = sources.iter().map(|source| (source.lines, source.path.display().to_string())).collect();
    distribution(named, [("file, median", 50, 150), ("file, 95 %", 95, 450), ("file, longest", 100, 800)])
}

fn functions(sources: &[Source]) -> [Budget; 2] {
    let of = |source: &Source| {
        let path = source.path.display().to_string();
        let named = |function: &source::Function| (function.lines, format!("{path}: {}", function.name));
        source.functions.iter().map(named).collect::<Vec<_>>()
    };
    let named = sources.iter().flat_map(of).collect();
    distribution(named, [("function, 95 %", 95, 45), ("function, longest", 100, 100)])
}

/// Percentiles of one set of lengths; the offenders are those over the limit.
fn distribution<const N: usize>(
    mut named: Vec<(usize, String)>,
    limits: [(&'static str, usize, usize); N],
) -> [Budget; N] {
    named.sort();
    let lengths: Vec<usize> = named.iter().map(|(lines, _)| *lines).collect();
    limits.map(|(what, percent, at_most)| {
        let over = named.iter().rev().filter(|(lines, _)| *lines > at_most);
        let offenders = over.map(|(lines, name)| format!("{lines} {name}")).collect();
        Budget { what, is: percentile(&lengths, percent), at_most, offenders }
    })
}

fn core(sources: &[Source]) -> Budget {
    let inside = sources.iter().filter(|source| source.path.starts_with("./crates/core"));
    let is = inside.map(|source| source.code_lines).sum();
    let offenders = vec!["move what only one crate needs into that crate".to_owned()];
    Budget { what: "crates/core, code without tests", is, at_most: 2500, offenders }
}

fn libs(sources: &[Source]) -> Budget {
    let lib = |source: &&Source| source.path.starts_with("./crates") && source.path.ends_with("src/lib.rs");
    let named =
        sources.iter().filter(lib).map(|source| (source.lines, source.path.display().to_string())).collect();
    let [budget] = distribution(named, [("crates/*/src/lib.rs, longest", 100, 60)]);
    budget
}

fn flake() -> Budget {
    let is = fs::read_to_string("flake.nix").map_or(0, |text| text.lines().count());
    let offenders = vec!["move parts to nixos-modules/ or images/".to_owned()];
    Budget { what: "flake.nix", is, at_most: 60, offenders }
}
