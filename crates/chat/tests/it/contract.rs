//! The contract in the README names the tests that hold it.

use std::fs;
use std::path::Path;

#[test]
fn each_promise_names_tests_that_are_there() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(crate_dir.join("README.md")).unwrap();
    let is_promise = |text: &&str| text.chars().next().is_some_and(|first| first.is_ascii_digit());
    // The text of a promise goes on in lines that begin with blanks.
    let mut promises: Vec<String> = Vec::new();
    for line in readme.lines() {
        if is_promise(&line) {
            promises.push(line.to_owned());
        } else if let (Some(last), true) = (promises.last_mut(), line.starts_with("   ")) {
            last.push_str(line);
        }
    }
    assert_eq!(promises.len(), 8, "{promises:#?}");
    for promise in promises {
        let tests: Vec<(&str, &str)> =
            promise.split('`').skip(1).step_by(2).filter_map(|word| word.split_once("::")).collect();
        assert!(!tests.is_empty(), "nothing holds: {promise}");
        for (module, name) in tests {
            let source = fs::read_to_string(crate_dir.join(format!("tests/it/{module}.rs"))).unwrap();
            assert!(source.contains(&format!("async fn {name}(")), "{module}::{name} is not there");
        }
    }
}
