//! `cargo xtask test`: everything that CI runs.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::install::{Purpose, install};
use crate::step::{STEPS, Step};

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    only: Option<Vec<String>>,
    skip: Vec<String>,
    filters: Vec<String>,
    keep_going: bool,
    trust: bool,
    dry: bool,
}

struct Line {
    name: &'static str,
    result: Outcome,
    took: Duration,
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let options = parse(arguments)?;
    if !options.trust {
        install(Purpose::Test, options.dry)?;
    }
    let mut lines = Vec::new();
    for step in STEPS.iter().filter(|step| options.wants(step.name)) {
        println!("\n== {} ==", step.name);
        let line = time(step, &options);
        let failed = line.result.is_err();
        lines.push(line);
        if failed && !options.keep_going {
            break;
        }
    }
    if options.dry { Ok(()) } else { report(&lines) }
}

fn time(step: &Step, options: &Options) -> Line {
    let begin = Instant::now();
    let result = step.run(&options.filters, options.dry);
    if let Err(message) = &result {
        eprintln!("{message}");
    }
    Line { name: step.name, result, took: begin.elapsed() }
}

fn report(lines: &[Line]) -> Outcome {
    println!("\n{:<10} {:<8} {:>8}", "step", "result", "seconds");
    for Line { name, result, took } in lines {
        println!(
            "{name:<10} {:<8} {:>8.1}",
            if result.is_ok() { "ok" } else { "failed" },
            took.as_secs_f32()
        );
    }
    let failed: Vec<&str> = lines.iter().filter(|line| line.result.is_err()).map(|line| line.name).collect();
    match failed.as_slice() {
        [] => Ok(()),
        names => Err(format!(
            "failed: {0}; again with `cargo xtask test --only {1}`",
            names.join(", "),
            names.join(",")
        )),
    }
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        let listed = |names: &[String]| names.iter().any(|listed| listed == name);
        let chosen = match &self.only {
            Some(only) => listed(only),
            None => self.filters.is_empty() || name == "tests",
        };
        chosen && !listed(&self.skip)
    }
}

fn parse(arguments: &[String]) -> Outcome<Options> {
    let mut options = Options::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--keep-going" => options.keep_going = true,
            "--no-install" => options.trust = true,
            "--dry-run" => options.dry = true,
            "--only" => options.only = Some(steps(words.next())?),
            "--skip" => options.skip = steps(words.next())?,
            option if option.starts_with('-') => {
                return Err(format!("there is no option `{option}`; see `cargo xtask test --help`"));
            }
            filter => options.filters.push(filter.to_owned()),
        }
    }
    Ok(options)
}

/// A list of step names, each of which must exist: a misspelt one would skip a check in silence.
fn steps(list: Option<&String>) -> Outcome<Vec<String>> {
    let names: Vec<String> =
        list.map(String::as_str).unwrap_or_default().split(',').map(str::to_owned).collect();
    match names.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        Some(name) => Err(format!("there is no step `{name}`; see `cargo xtask test --help`")),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(arguments: &str) -> Vec<&'static str> {
        let words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        let options = parse(&words).unwrap();
        STEPS.iter().map(|step| step.name).filter(|name| options.wants(name)).collect()
    }

    #[test]
    fn steps_are_chosen_by_only_skip_and_filter() {
        assert_eq!(chosen("").len(), STEPS.len());
        assert_eq!(chosen("--only fmt,doc"), ["fmt", "doc"]);
        assert_eq!(chosen("--only fmt,doc --skip doc"), ["fmt"]);
        assert_eq!(chosen("invitation"), ["tests"]);
    }

    #[test]
    fn misspelt_steps_and_options_are_refused() {
        assert!(parse(&["--only".to_owned(), "fmtt".to_owned()]).is_err());
        assert!(parse(&["--skip".to_owned()]).is_err());
        assert!(parse(&["--fast".to_owned()]).is_err());
    }
}
