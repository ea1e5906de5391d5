//! What the README promises, run word for word.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::up::Home;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn the_walk_through_of_the_readme_works_to_its_end() {
    let home = Home::fresh();
    let up = home.up();
    let (log, next) = (home.data().join("up.log"), home.data().join("up.log.next"));
    let mut script = Command::new(Path::new(REPOSITORY).join("docs/walkthrough.sh"))
        .arg(&up.url)
        .arg(home.data())
        .arg(&log)
        .env("VEZA", env!("CARGO_BIN_EXE_veza"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let status = crate::process::wait_for("the end of the script", || {
        // Renamed into place: the script must never read a file that is half written.
        fs::write(&next, [up.process.out(), up.process.err()].concat()).unwrap();
        fs::rename(&next, &log).unwrap();
        script.try_wait().unwrap()
    });
    assert!(status.success(), "{status}");
}

#[test]
fn the_script_is_what_the_readme_says() {
    let read = |path: &str| fs::read_to_string(Path::new(REPOSITORY).join(path)).unwrap();
    let (readme, script) = (read("README.md"), read("docs/walkthrough.sh"));
    let mut blocks = 0;
    for block in readme.split("```bash\n").skip(1) {
        let block = block.split("```").next().unwrap().trim();
        if block.contains("ask ") {
            assert!(script.contains(block), "the script lacks this block of the README:\n{block}");
            blocks += 1;
        }
    }
    assert!(blocks >= 5, "only {blocks} blocks of the README are walked");
}
