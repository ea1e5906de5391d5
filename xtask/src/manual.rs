//! The help texts.

use crate::Outcome;

const OVERVIEW: &str = "\
Development commands of Veza.

    cargo xtask up        install what is missing, build, and run Veza on this machine
    cargo xtask test      install what tests need, and run everything that CI runs
    cargo xtask gen       write the generated files again (API and configuration reference, …)
    cargo xtask graph     print the graph of our crates, or check its direction
    cargo xtask sizes     check the budgets of lines per file, function and crate
    cargo xtask clouds    test the backends for Google and Azure, with an emulator
    cargo xtask nix       check the Nix side: modules, units, images, lock file
    cargo xtask licences  check the licences and bans of deny.toml, offline

`cargo xtask <command> --help` says more.
";

const UP: &str = "\
cargo xtask up [--dry-run | --no-install] [--] [arguments of `veza up`…]

Installs what is missing, builds Veza, and runs it with a PostgreSQL of its own: one command from a
fresh clone to a running system. Ctrl-C stops it and keeps the data, in /var/lib/veza for root and
in ~/.local/share/veza for others, or where `--data DIR` says.

It needs a C compiler, libpq with its headers, the PostgreSQL server programs and util-linux. With
apt they are installed (with sudo unless you are root); elsewhere it prints what to install, and
with Nix to run `nix develop`. Debian's package starts a cluster of its own on port 5432: Veza
neither uses nor touches it.

    --dry-run     print the commands and run none
    --no-install  trust that everything is there

    cargo xtask up -- --help     the options of Veza itself
";

const TEST: &str = "\
cargo xtask test [filter…] [--only step,…] [--skip step,…] [--keep-going] [--no-install] [--dry-run]

Installs what tests need (what `up` needs, and redis-server, python3, python3-aiosmtpd, chromium,
chromium-driver, ffmpeg, nix-bin, prometheus, systemd; nixfmt and deadnix with cargo), then runs, fastest
first:

    fmt       cargo fmt --all --check
    sizes     cargo xtask sizes
    graph     cargo xtask graph --check
    licences  cargo xtask licences
    clippy    cargo clippy --workspace --all-targets -- -D warnings
    features  cargo check of single crates with the features that an embedder may choose
    tests     cargo test --workspace
    s3        cargo clippy and test of the S3 backend, with a server in the tests' own process
    clouds    the same for Google and Azure, without a server for Azure
    doc       cargo doc --no-deps --workspace, with warnings as errors
    gen       cargo xtask gen --check
    nix       cargo xtask nix
    examples  cargo test in every directory of examples/

It stops at the first failure and ends with a table. With a filter it runs only `tests`, and of
those only the ones whose name contains it.

    --only a,b    only these steps
    --skip a,b    all but these
    --keep-going  run the rest after a failure too
    --no-install  trust that everything is there
    --dry-run     print the commands and run none

    cargo xtask test tenant::invitation      the tests with this in their name
    cargo xtask test --skip examples         everything a commit needs
";

const GEN: &str = "\
cargo xtask gen [--check]

Writes the generated files again: docs/reference/* (printed by the veza program), the graph of our
crates in ARCHITECTURE.md, and the list of migrations in crates/core/src/db/embedded.rs. They are
committed, so that a change of the API or the schema shows in review.

    --check  write nothing; fail when a file is not what the program would print now
";

const GRAPH: &str = "\
cargo xtask graph [--check]

Prints the dependencies between our crates as a Mermaid diagram.

    --check  fail when one points the wrong way, when a crate needs `veza-web` outside its feature
             `http`, or when `veza-jobs` alone would compile actix, aws or rtc crates
";

const SIZES: &str = "\
cargo xtask sizes

Counts lines, and fails over these budgets: a file 800 (median 150, 95 % under 450), a function 100
(95 % under 45), crates/*/src/lib.rs 60, crates/core 2,500 in all, flake.nix 60. Generated files
are left out, and tests count as files only.
";

const CLOUDS: &str = "\
cargo xtask clouds

Installs Azurite, Microsoft's emulator, with npm into target/tools, starts it on a free port, and runs
the tests of veza-testing-clouds with it: the suite of backends, faults, memory, and killed processes.
Google's API is tried before a server of S3 in the tests' own process. What it ran on it says, and what
it did not.
";

const NIX: &str = "\
cargo xtask nix [--write]

Checks the Nix side, and builds nothing of it: files parse, are formatted and linted; flake.lock
holds together; the committed units (nix/snapshots) are valid and score within the budget of
nix/checks/exposure.json; the program accepts the committed configurations; alerts and dashboards
look at metrics that exist. nixfmt and deadnix are
installed into target/tools when they are not on PATH; statix is run when it is.

    VEZA_NIXPKGS  a nixpkgs tree: then everything is evaluated too, and compared with the snapshots
    VEZA_DISKO    a disko tree, for the nodes whose disks it lays out
    VEZA_CRANE    a crane tree, to evaluate the package with; takes Nix 2.18

    --write  write nix/snapshots and docs/reference/nixos-options.md again (takes VEZA_NIXPKGS)

What it could not check it says: lines that begin with NOT RUN.
";

const LICENCES: &str = "\
cargo xtask licences

Checks every package that is compiled on Linux with all features: its licence must be satisfiable
with the list in deny.toml, and its name must not be banned there. Asks no server.
";

/// Prints the help of a command, or the overview for an empty name.
pub(crate) fn print(command: &str) -> Outcome {
    let text = match command {
        "up" => UP,
        "test" => TEST,
        "gen" => GEN,
        "graph" => GRAPH,
        "sizes" => SIZES,
        "clouds" => CLOUDS,
        "nix" => NIX,
        "licences" => LICENCES,
        "" | "help" | "--help" | "-h" => OVERVIEW,
        _ => return Err(format!("there is no command `{command}`; see `cargo xtask --help`")),
    };
    print!("{text}");
    Ok(())
}
