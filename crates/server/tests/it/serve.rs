//! `veza serve`.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use veza_core::db::{Migrator, Role};
use veza_testing::{Client, DbTest, Options, PrivateCluster, TestDatabase, TestDirectory};

use crate::person::{Person, me};
use crate::process::{Process, free_port, run, run_veza, veza, wait, wait_for};

pub(crate) const ROOT_SECRET: &str = "dGhlIHJvb3Qgc2VjcmV0IG9mIHRoZXNlIHRlc3RzISE=";

/// A migrated database of a test's own.
pub(crate) fn database() -> TestDatabase {
    DbTest::run(Options::default(), async |t: DbTest| t.database.clone())
}

/// The program with what it needs to serve.
pub(crate) fn configured(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut command = veza(arguments.iter().copied());
    command
        .env("VEZA_DATABASE__URL", database.url(Role::App))
        .env("VEZA_TENANT__ROOT_SECRET", ROOT_SECRET)
        .env("VEZA_TENANT__OPEN_SIGNUP", "true")
        .env("VEZA_WEB__LISTEN", "[\"127.0.0.1:0\"]")
        .env("VEZA_SERVER__DRAIN_NOTICE", "0s");
    command
}

/// A `veza serve` that serves.
#[derive(Debug)]
pub(crate) struct Serve {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Serve {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Process::spawn(command);
        process.wait_for_log("\"serving\"");
        let serving = wait_for("the address", || {
            log(&process.err()).into_iter().find(|line| line["message"] == "serving")
        });
        let address = serving["address"].as_str().unwrap().parse().unwrap();
        Self { process, address }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(format!("http://{}", self.address))
    }
}

/// The lines of a log, each of which must be JSON.
#[track_caller]
pub(crate) fn log(text: &str) -> Vec<Value> {
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn it_names_all_that_is_missing() {
    run_veza(&["serve"]).fails_with(&["database.url", "tenant.root_secret", "openssl rand -base64 32"]);
    let short = run(configured(&database(), &["serve"]).env("VEZA_TENANT__ROOT_SECRET", "c2hvcnQ="));
    short.fails_with(&["tenant.root_secret must be base64 of at least 32 bytes"]);
    assert!(!short.err.contains("c2hvcnQ"), "{}", short.err);
}

#[test]
fn secrets_come_from_files() {
    let (directory, database) = (TestDirectory::new(), database());
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        path
    };
    let (url, secret) = (write("url", &database.url(Role::App)), write("secret", ROOT_SECRET));
    let mut command = configured(&database, &["serve"]);
    command.env_remove("VEZA_DATABASE__URL").env_remove("VEZA_TENANT__ROOT_SECRET");
    command.env("VEZA_DATABASE__URL_FILE", &url).env("VEZA_TENANT__ROOT_SECRET_FILE", &secret);
    let served = Serve::start(&mut command);
    wait(served.client().get("/ready")).expect(200);
    let twice = run(configured(&database, &["serve"]).env("VEZA_DATABASE__URL_FILE", &url));
    twice.fails_with(&["database.url and database.url_file are both set"]);
    fs::remove_file(secret).unwrap();
    run(&mut command).fails_with(&["cannot read", "/secret", "No such file"]);
}

#[test]
fn a_schema_that_is_behind_or_ahead_is_refused_at_once() {
    let database = database();
    let mut superuser = database.superuser();
    let refused = |what: &[&str]| {
        let ended = run(&mut configured(&database, &["serve"]));
        assert_eq!(ended.code, 1);
        let last = log(&ended.err).pop().unwrap();
        let error = last["error"].as_str().unwrap();
        assert!(what.iter().all(|what| error.contains(what)), "{error}");
    };
    superuser.execute("UPDATE core.migrations SET name = '9999-01-01-000000_core_future' WHERE name = (SELECT max(name) FROM core.migrations)");
    refused(&["9999-01-01-000000_core_future", "newer program"]);
    superuser.execute("DELETE FROM core.migrations WHERE name LIKE '9999%'");
    refused(&["1 migrations are pending", "veza migrate"]);
}

#[test]
fn a_role_that_passes_row_level_security_does_not_serve() {
    let database = database();
    let ended = run(configured(&database, &["serve"]).env("VEZA_DATABASE__URL", database.superuser_url()));
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("role_unbound") && ended.err.contains("veza_app"), "{}", ended.err);
}

#[test]
fn a_database_that_comes_later_is_waited_for() {
    let mut cluster = PrivateCluster::new(&Migrator::veza());
    cluster.stop();
    let mut process = Process::spawn(&mut configured(cluster.database(), &["serve"]));
    process.wait_for_log("cannot be reached yet");
    cluster.start();
    process.wait_for_log("\"serving\"");
    process.stop().expect(0);
}

#[test]
fn waiting_for_a_database_can_be_interrupted() {
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://veza_app@{}/veza", silent.local_addr().unwrap());
    let process = Process::spawn(configured(&database(), &["serve"]).env("VEZA_DATABASE__URL", url));
    let _connection = silent.accept().unwrap();
    let begin = Instant::now();
    process.stop().expect(0);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn roles_can_be_apart() {
    let database = database();
    let mail = TcpListener::bind("127.0.0.1:0").unwrap();
    mail.set_nonblocking(true).unwrap();
    let smtp = format!("smtp://{}", mail.local_addr().unwrap());
    let api = Serve::start(
        configured(&database, &["serve", "--role", "api"]).env("VEZA_TENANT__MAIL__SMTP_URL", &smtp),
    );
    let person = Person::new(&api.client(), "apart");
    me(&person.client).expect(200);
    let invited = json!({ "email": "bob@apart.example", "role": "member" });
    wait(person.client.post("/v1/tenant/invitations", &invited)).expect(201);
    std::thread::sleep(Duration::from_millis(500));
    assert!(mail.accept().is_err(), "the API alone sends no e-mail");

    let port = free_port();
    let mut worker = Process::spawn(
        configured(&database, &["serve", "--role", "worker"])
            .env("VEZA_TENANT__MAIL__SMTP_URL", &smtp)
            .env("VEZA_SERVER__DRAIN_TIMEOUT", "1s")
            .env("VEZA_WEB__LISTEN", format!("[\"127.0.0.1:{port}\"]")),
    );
    worker.wait_for_log("serving nobody");
    let _connection = wait_for("the worker's connection to the mail server", || mail.accept().ok());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the worker serves nobody");
    // Not even a mail server that says nothing holds it up.
    let begin = Instant::now();
    worker.stop().expect(0);
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    api.process.stop().expect(0);
}

#[test]
fn what_is_the_operators_is_apart() {
    let port = free_port();
    let mut command = configured(&database(), &["serve"]);
    let served = Serve::start(command.env("VEZA_SERVER__ADMIN_LISTEN", format!("127.0.0.1:{port}")));
    let admin = Client::new(format!("http://127.0.0.1:{port}"));
    for path in ["/health", "/ready", "/metrics"] {
        wait(admin.get(path)).expect(200);
    }
    wait(admin.get("/v1/tenant/me")).expect(404);
    wait(served.client().get("/metrics")).expect(404);
    wait(served.client().get("/ready")).expect(200);
    assert!(!wait(served.client().get("/openapi.json")).text.contains("/metrics"));

    // A worker is watched there too.
    let port = free_port();
    let mut command = configured(&database(), &["serve", "--role", "worker"]);
    let mut worker = Process::spawn(command.env("VEZA_SERVER__ADMIN_LISTEN", format!("127.0.0.1:{port}")));
    worker.wait_for_log("serving nobody");
    let admin = Client::new(format!("http://127.0.0.1:{port}"));
    wait(admin.get("/ready")).expect(200);
}

#[test]
fn systemd_is_told() {
    let directory = TestDirectory::new();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut told = String::new();
    let mut wait_until = |what: &str| {
        while !told.contains(what) {
            let mut buffer = [0; 256];
            let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{what}: {error}; {told}"));
            told.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        told.clone()
    };
    let mut command = configured(&database(), &["serve"]);
    let served = Serve::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000"));
    assert!(wait_until("READY=1").starts_with("READY=1"));
    wait(served.client().get("/ready")).expect(200);
    wait_until("WATCHDOG=1");
    served.process.signal(nix::sys::signal::Signal::SIGTERM);
    wait_until("STOPPING=1");
    served.process.end().expect(0);
}

#[test]
fn traces_go_to_the_collector() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let mut command = configured(&database(), &["serve"]);
    let served = Serve::start(
        command
            .env("VEZA_TELEMETRY__OTLP_ENDPOINT", endpoint)
            .env("VEZA_TELEMETRY__TRACE_RATIO", "0.0")
            .env("OTEL_BSP_SCHEDULE_DELAY", "100"),
    );
    wait(served.client().get("/health")).expect(200);
    // The caller decided, so the ratio does not count.
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    wait(served.client().with("traceparent", parent).get("/ready")).expect(200);
    let (mut stream, _) = collector.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut sent = Vec::new();
    let has = |sent: &[u8], what: &[u8]| sent.windows(what.len()).any(|window| window == what);
    while !has(&sent, b"web.request") {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0);
        sent.extend_from_slice(&buffer[..length]);
    }
    assert!(sent.starts_with(b"PRI * HTTP/2.0"));
    let trace =
        [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c];
    assert!(has(&sent, &trace) && has(&sent, b"/ready") && !has(&sent, b"/health"));
    // A collector that does not answer holds nobody up for long.
    let begin = Instant::now();
    served.process.stop().expect(0);
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}
