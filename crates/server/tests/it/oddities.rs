//! Odd places to be started from.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::geteuid;
use veza_testing::TestDirectory;

use crate::person::Person;
use crate::process::{Process, clean, free_port, run, run_veza, shell, veza, wait_for};
use crate::serve::{configured, database};
use crate::up::Home;

/// The program as a user without rights, who has no home.
fn as_nobody(arguments: &[&str]) -> Command {
    let mut command = clean("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", env!("CARGO_BIN_EXE_veza")]);
    command.args(arguments);
    command
}

/// Whether we may become somebody else who can run the program; else the test has no meaning here.
fn can_be_nobody() -> bool {
    geteuid().is_root() && run(&mut as_nobody(&["--version"])).code == 0
}

#[test]
fn readers_may_leave() {
    let seen = run(&mut shell(r#""$0" openapi | head -1; "$0" config reference | head -1"#)).expect(0);
    assert_eq!((seen.out.as_str(), seen.err.as_str()), ("{\n# Configuration reference\n", ""));
    run(&mut shell(r#""$0" config show >&-"#));
    let full = run(&mut shell(r#""$0" openapi >/dev/full"#));
    full.fails_with(&["cannot write", "No space left"]);
    let closed = run(&mut shell(r#""$0" serve 2>&-"#));
    assert_eq!(closed.code, 1);
}

#[test]
fn up_goes_on_when_nobody_reads_what_it_says() {
    let home = Home::used();
    let port = free_port().to_string();
    // Both pipes are closed at once.
    let script =
        r#"("$0" up --data "$1" --listen 127.0.0.1:$2; echo "code $?" >"$1/ended") 2>&1 | head -c 1"#;
    let mut command = shell(script);
    command.arg(home.data()).arg(&port).env("RUST_LOG", "debug");
    let mut process = Process::adopt(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let url = format!("http://127.0.0.1:{port}");
    wait_for("the listener", || std::net::TcpStream::connect(format!("127.0.0.1:{port}")).ok());
    Person::new(&veza_testing::Client::new(url), "unheard");
    assert!(process.is_running());
    let pid = wait_for("the process", || pid_of(&home.data()));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).unwrap();
    process.end();
    assert_eq!(fs::read_to_string(home.data().join("ended")).unwrap(), "code 0\n");
}

/// The `veza up` of a data directory: the parent of its postmaster.
fn pid_of(data: &Path) -> Option<i32> {
    let postgres = crate::process::postmaster(data)?;
    let status = fs::read_to_string(format!("/proc/{postgres}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

#[test]
fn no_home_is_needed_where_a_database_is_named() {
    if !can_be_nobody() {
        return;
    }
    let database = database();
    run(&mut as_nobody(&["up"])).fails_with(&["neither HOME nor XDG_DATA_HOME is set", "--data"]);
    let mut migrate = as_nobody(&["migrate"]);
    // A database that is not there tells as much as one that is.
    let ended = run(migrate.env("VEZA_DATABASE__URL", "postgresql://veza_app@127.0.0.1:1/veza"));
    ended.fails_with(&["cannot connect to the database"]);
    run(&mut configured(&database, &["migrate"])).expect(0);
}

#[test]
fn a_user_without_rights_is_told_what_is_missing() {
    if !can_be_nobody() {
        return;
    }
    let directory = TestDirectory::new();
    let data = directory.path().join("data");
    let refused = run(as_nobody(&["up", "--listen", "127.0.0.1:0", "--data"]).arg(&data));
    refused.fails_with(&["cannot make", "Permission denied", "data"]);
    fs::create_dir(&data).unwrap();
    let refused = run(as_nobody(&["up", "--listen", "127.0.0.1:0", "--data"]).arg(&data));
    refused.fails_with(&["must be a directory of the user who runs veza", "data"]);
    fs::write(data.join("database_url"), "postgresql:///x").unwrap();
    fs::set_permissions(data.join("database_url"), fs::Permissions::from_mode(0o600)).unwrap();
    run(as_nobody(&["tenant", "list", "--data"]).arg(&data))
        .fails_with(&["cannot read", "Permission denied"]);
}

#[test]
fn a_closed_port_is_told() {
    if !can_be_nobody() || unprivileged_ports_begin_at() <= 80 {
        return;
    }
    let directory = TestDirectory::new();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let data = directory.path().join("data");
    let ended = run(as_nobody(&["up", "--listen", "127.0.0.1:80", "--data"]).arg(&data));
    ended.fails_with(&["cannot listen on 127.0.0.1:80", "Permission denied"]);
}

fn unprivileged_ports_begin_at() -> u16 {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1024)
}

#[test]
fn somebody_without_rights_runs_all_of_it() {
    if !can_be_nobody() {
        return;
    }
    let directory = TestDirectory::new();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let data = directory.path().join("data");
    let mut process = Process::spawn(as_nobody(&["up", "--listen", "127.0.0.1:0", "--data"]).arg(&data));
    process.wait_for_output("Veza is up:  ");
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    process.stop().expect(0);
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let directory = TestDirectory::new();
    let file = directory.path().join("veza.toml");
    let path = file.to_str().unwrap();
    let check = |text: &[u8], said: &[&str]| {
        fs::write(&file, text).unwrap();
        run(veza(["--config", path, "config", "check"]).env_remove("VEZA_WEB__WORKERS")).fails_with(said);
    };
    check(b"[web]\nlisten = [\"\xff\"]\n", &["cannot read", "veza.toml", "UTF-8"]);
    check(b"[web\n", &["veza.toml", "line 1"]);
    check(b"[web]\nlisten = [\"nowhere\"]\n", &["web.listen", "veza.toml"]);
    check(b"[web]\nlisten = []\n", &["web.listen must name an address"]);
    check(b"[chat]\nx = 1\n", &["chat", "veza.toml"]);
    check(b"[database.pool]\nconnections = 100000\n", &["database.pool.connections", "1000"]);
    check(b"[database.pool]\nconnections = -1\n", &["database.pool.connections", "veza.toml"]);
    check(b"[database.pool]\nqueue = 0\n", &["database.pool.queue"]);
    check(b"[database.pool]\ndeadline = \"10\"\n", &["not a span of time", "veza.toml"]);
    check(b"[web]\nworkers = 65535\nmax_connections = 0\n", &["web.workers", "web.max_connections"]);
    check(b"[telemetry]\nlog = \"info,veza=loud\"\n", &["telemetry.log"]);
    check(b"[telemetry]\ntrace_ratio = nan\n", &["telemetry.trace_ratio"]);
    check(b"[server]\ndrain_timeout = \"1h\"\n", &["server.drain_timeout", "30s"]);
    check(b"[web]\npublic_url = \"example.com/\"\n", &["web.public_url"]);
    run_veza(&["--config", directory.path().to_str().unwrap(), "config", "check"])
        .fails_with(&["cannot read", "Is a directory"]);
    for variable in ["VEZA_TENANT__OPEN_SIGN_UP", "VEZA_CHATS__X", "VEZA_FROBNICATE"] {
        let name = variable.rsplit('_').next().unwrap().to_lowercase();
        run(veza(["config", "check"]).env(variable, "1")).fails_with(&[&name, "`VEZA_` environment"]);
    }
}

#[test]
fn many_connections_are_many_connections() {
    let home = Home::used();
    let mut up = crate::up::Up::start(home.up_command().env("VEZA_DATABASE__POOL__CONNECTIONS", "150"));
    Person::new(&up.client(), "many");
    assert!(up.process.is_running());
}

#[test]
fn colours_are_for_terminals() {
    let mut command = configured(&database(), &["serve"]);
    let served = Process::spawn(command.env("VEZA_TELEMETRY__LOG_FORMAT", "human").env("TERM", "xterm"));
    wait_for("the log", || served.err().contains("serving").then_some(()));
    assert!(!served.stop().err.contains('\u{1b}'));
    // A terminal that `script` makes.
    for (variable, coloured) in [("A=b", true), ("NO_COLOR=1", false), ("TERM=dumb", false)] {
        let mut command = clean("env");
        command.args([variable, "script", "-qec"]);
        command.arg(format!("{} serve --role worker", env!("CARGO_BIN_EXE_veza"))).arg("/dev/null");
        let plain = configured(&database(), &[]);
        command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
        if variable != "TERM=dumb" {
            command.env("TERM", "xterm");
        }
        let process = Process::spawn(&mut command);
        wait_for("the log", || process.out().contains("serving nobody").then_some(()));
        assert_eq!(process.out().contains('\u{1b}'), coloured, "{variable}: {}", process.out());
    }
}

#[test]
fn the_last_word_is_json_too() {
    let mut command = configured(&database(), &["serve"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ended = run(command.env("VEZA_WEB__LISTEN", format!("[\"{address}\"]"))).expect(1);
    let last = crate::serve::log(&ended.err).pop().unwrap();
    assert_eq!((&last["level"], &last["message"]), (&"ERROR".into(), &"the process ends".into()));
    assert!(last["error"].as_str().unwrap().contains(&format!("cannot listen on {address}")), "{last}");
}
