//! `veza up` in a directory of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use veza_testing::{Client, TestDirectory};

use crate::process::{Process, veza};

/// A directory for `veza up`.
#[derive(Debug)]
pub(crate) struct Home(TestDirectory);

/// What the first start leaves behind. Copying it is quicker than starting for the first time again.
static USED: OnceLock<PathBuf> = OnceLock::new();

fn make_used() -> PathBuf {
    // In the build directory, because nobody drops what is static; the next run makes it anew.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("veza-up");
    let _ = fs::remove_dir_all(&path);
    let home = Home::fresh();
    home.up().process.stop().expect(0);
    copy(&home.data(), &path);
    path
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// A `veza up` that is up.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) process: Process,
    pub(crate) url: String,
}

impl Home {
    /// For a first start.
    pub(crate) fn fresh() -> Self {
        Self(TestDirectory::new())
    }

    /// Where `veza up` was before; there is no organisation yet.
    pub(crate) fn used() -> Self {
        let home = Self::fresh();
        copy(USED.get_or_init(make_used), &home.data());
        home
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// `veza …` with `--data`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = veza(arguments.iter().copied());
        command.arg("--data").arg(self.data());
        command
    }

    /// `veza up` on a free port.
    pub(crate) fn up_command(&self) -> Command {
        self.command(&["up", "--listen", "127.0.0.1:0"])
    }

    pub(crate) fn up(&self) -> Up {
        Up::start(&mut self.up_command())
    }

    /// `veza up` where it was before.
    pub(crate) fn up_at(&self, url: &str) -> Up {
        Up::start(&mut self.command(&["up", "--listen", url.strip_prefix("http://").unwrap()]))
    }
}

impl Up {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Process::spawn(command);
        let url = process.wait_for_output("Veza is up:  ");
        process.wait_for_output("Ctrl-C stops");
        Self { process, url }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// The token of the first-run link, if it printed one.
    pub(crate) fn first_run_token(&self) -> Option<String> {
        let out = self.process.out();
        let (_, rest) = out.split_once("/setup#")?;
        rest.lines().next().map(str::to_owned)
    }
}
