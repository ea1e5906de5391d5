//! `veza up`: starting.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::thread::{sleep, spawn};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use veza_testing::TestDirectory;

use crate::http::Connection;
use crate::person::{PASSWORD, Person, create, email, me};
use crate::process::{Process, postmaster, run, veza, wait, wait_for};
use crate::up::{Home, Up};

#[test]
fn the_first_start_says_where_to_begin() {
    let home = Home::fresh();
    let up = Up::start(home.up_command().env("VEZA_TENANT__OPEN_SIGNUP", "false"));
    let client = up.client();
    wait(client.get("/ready")).expect(200);
    wait(client.get("/setup")).expect(200);
    create(&client, "nobody").expect_problem(403, "tenant.signup.closed");
    create(&client.bearer("vzs_wrong"), "nobody").expect_problem(403, "tenant.signup.closed");
    let token = up.first_run_token().unwrap();
    Person::new(&client.bearer(&token), "first");
    create(&client.bearer(&token), "second").expect_problem(403, "tenant.signup.closed");

    let mode = |name: &str| fs::metadata(home.data().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("root_secret"), mode("database_url")), (0o600, 0o600));
    if nix::unistd::geteuid().is_root() {
        let postgres = fs::metadata(format!("/proc/{}", postmaster(&home.data()).unwrap())).unwrap();
        assert_ne!(postgres.uid(), 0);
    }

    up.process.stop().expect(0);
    assert!(!home.data().join("database_url").exists(), "nobody is led to where nobody answers");
    let again = home.up();
    assert_eq!(again.first_run_token(), None);
    // On loopback anybody may begin, unless somebody says no.
    Person::new(&again.client(), "second");
}

#[test]
fn links_and_tokens_name_the_port_that_was_free() {
    let home = Home::used();
    let up = home.up();
    let person = Person::new(&up.client(), "links");
    let invited = json!({ "email": "bob@links.example", "role": "member" });
    wait(person.client.post("/v1/tenant/invitations", &invited)).expect(201);
    wait_for("the link in the log", || {
        up.process.err().contains(&format!("{}/invitation#token=", up.url)).then_some(())
    });
    let document = wait(up.client().get("/openapi.json")).expect(200);
    assert_eq!(document["servers"][0]["url"], up.url.as_str());
}

#[test]
fn one_directory_has_one_owner() {
    let home = Home::used();
    let up = home.up();
    let second = run(&mut home.up_command());
    second.fails_with(&["another process already runs the cluster in", "stop it first"]);
    wait(up.client().get("/ready")).expect(200);
}

#[test]
fn a_taken_port_is_told_and_nothing_stays_behind() {
    let home = Home::fresh();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(&mut home.command(&["up", "--listen", &address]));
    ended.fails_with(&["cannot listen on", &address, "in use"]);
    assert_eq!(postmaster(&home.data()), None);
    let admin = run(home.up_command().env("VEZA_SERVER__ADMIN_LISTEN", &address));
    admin.fails_with(&["cannot listen on", &address]);
    assert_eq!(postmaster(&home.data()), None);
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let home = Home::used();
    let mut up = home.up();
    let first = Person::new(&up.client(), "first");
    let mut acknowledged = Vec::new();
    for round in 0..2 {
        let address = up.url.strip_prefix("http://").unwrap().parse().unwrap();
        let busy = spawn(move || create_until_it_fails(address, &format!("kept-{round}")));
        sleep(Duration::from_millis(300));
        up.process.signal(Signal::SIGKILL);
        assert_eq!(up.process.end().code, -9);
        acknowledged.extend(busy.join().unwrap());
        up = home.up_at(&up.url);
        me(&first.client).expect(200);
        if let Some(last) = acknowledged.last() {
            Person::sign_in(&up.client(), last);
        }
    }
    let kept = run(&mut home.command(&["tenant", "list"])).expect(0).out;
    let lost: Vec<_> = acknowledged.iter().filter(|slug| !kept.contains(&format!(" {slug} "))).collect();
    assert!(lost.is_empty() && !acknowledged.is_empty(), "of {}: {lost:?}", acknowledged.len());
}

/// Creates organisations one after the other; gives those whose creation was answered.
fn create_until_it_fails(address: SocketAddr, prefix: &str) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let Ok(mut connection) = Connection::open(address) else { return acknowledged };
    loop {
        let slug = format!("{prefix}-{}", acknowledged.len());
        let owner = json!({ "name": "Ada", "email": email(&slug), "password": PASSWORD });
        let body = json!({ "name": slug, "slug": slug, "owner": owner }).to_string();
        match connection.send("POST", "/v1/tenant/organizations", "", &body) {
            Ok(answer) if answer.status == 201 => acknowledged.push(slug),
            // Its PostgreSQL may go a moment before it does.
            Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
            Err(_) => return acknowledged,
        }
    }
}

#[test]
fn a_dead_postgres_ends_it_and_the_next_start_recovers() {
    let home = Home::used();
    let up = home.up();
    let person = Person::new(&up.client(), "kept");
    kill(Pid::from_raw(postmaster(&home.data()).unwrap()), Signal::SIGKILL).unwrap();
    up.process.end().fails_with(&["PostgreSQL has ended by itself"]);
    let again = home.up_at(&up.url);
    me(&person.client).expect(200);
    Person::sign_in(&again.client(), "kept");
}

#[test]
fn a_database_of_somebody_elses_is_no_business_of_up() {
    let home = Home::fresh();
    let ended = run(home.up_command().env("VEZA_DATABASE__URL", "postgresql://veza_app:geheim@db/veza"));
    ended.fails_with(&["database.url is set", "veza serve"]);
    assert!(!ended.err.contains("geheim"), "{}", ended.err);
}

#[test]
fn the_directory_may_hold_a_configuration() {
    let home = Home::fresh();
    fs::create_dir(home.data()).unwrap();
    let file = home.data().join("veza.toml");
    fs::write(&file, "[tenant]\nopen_signup = false\naudience = \"mine\"\n").unwrap();
    let up = home.up();
    create(&up.client(), "nobody").expect_problem(403, "tenant.signup.closed");
    fs::write(&file, "[tenant]\nopen_sign_up = false\n").unwrap();
    // Other commands read it too.
    for arguments in [&["up"][..], &["tenant", "list"], &["migrate", "--check"]] {
        run(&mut home.command(arguments)).fails_with(&["open_sign_up", "veza.toml"]);
    }
}

#[test]
fn a_path_with_spaces_is_a_path() {
    let directory = TestDirectory::new();
    let data = directory.path().join("my data é");
    let mut up = Up::start(veza(["up", "--listen", "127.0.0.1:0"]).env("VEZA_DATA", &data));
    Person::new(&up.client(), "spaces");
    let list = run(veza(["tenant", "list"]).env("VEZA_DATA", &data)).expect(0);
    assert!(list.out.contains("spaces"), "{}", list.out);
    assert!(up.process.is_running());
}

#[test]
fn a_directory_that_was_there_keeps_its_mode() {
    let directory = TestDirectory::new();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = veza(["up", "--listen", "127.0.0.1:0", "--data"]);
    drop(Up::start(command.arg(directory.path())));
    assert_eq!(fs::metadata(directory.path()).unwrap().permissions().mode() & 0o7777, 0o755);
}

#[test]
fn a_directory_that_others_write_to_is_refused() {
    let directory = TestDirectory::new();
    for mode in [0o777, 0o1777, 0o775] {
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
        let mut command = veza(["up", "--listen", "127.0.0.1:0", "--data"]);
        run(command.arg(directory.path())).fails_with(&["nobody else may write to it"]);
    }
}

#[test]
fn a_root_secret_that_cannot_be_read_is_not_replaced() {
    let home = Home::used();
    drop(home.up());
    let file = home.data().join("root_secret");
    fs::write(&file, b"\xff\xfe").unwrap();
    run(&mut home.up_command()).fails_with(&["cannot read", "root_secret"]);
    assert_eq!(fs::read(&file).unwrap(), b"\xff\xfe");
    fs::remove_file(&file).unwrap();
    // A new one is made, and says that it does not fit.
    run(&mut home.up_command()).fails_with(&["does not open with this root secret"]);
    assert_eq!(postmaster(&home.data()), None);
}

#[test]
fn a_start_can_be_interrupted() {
    let home = Home::fresh();
    let process = Process::spawn(&mut home.up_command());
    wait_for("the beginning", || home.data().exists().then_some(()));
    process.signal(Signal::SIGINT);
    assert!([0, -2].contains(&process.end().code));
    wait_for("the end of PostgreSQL", || postmaster(&home.data()).is_none().then_some(()));
    Person::new(&home.up().client(), "after");
}
