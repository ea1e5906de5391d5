//! `veza tenant …` beside a running `veza up`.

use std::io::Write;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use veza_testing::Client;

use crate::person::{PASSWORD, Person};
use crate::process::{Ended, run, shell, wait};
use crate::up::Home;

/// `veza tenant … --data …`.
fn tenant(home: &Home, arguments: &[&str]) -> Ended {
    let arguments: Vec<&str> = std::iter::once(&"tenant").chain(arguments).copied().collect();
    run(&mut home.command(&arguments))
}

/// `veza tenant create`, with the password on its standard input.
fn create(home: &Home, arguments: &[&str], password: &str) -> Ended {
    let arguments: Vec<&str> = ["tenant", "create"].iter().chain(arguments).copied().collect();
    let mut command = home.command(&arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[track_caller]
fn json(ended: Ended) -> Value {
    serde_json::from_str(&ended.expect(0).out).unwrap()
}

#[test]
fn an_organisation_lives_from_creation_to_deletion() {
    let home = Home::used();
    let up = home.up();
    assert_eq!(tenant(&home, &["list"]).expect(0).out, "");
    let created = json(create(&home, &["acme", "--owner-email", "ada@acme.example"], PASSWORD));
    assert_eq!((&created["slug"], &created["state"]), (&"acme".into(), &"active".into()));
    let person = Person::sign_in(&up.client(), "acme");
    let id = created["id"].as_str().unwrap();
    for name in ["acme", id] {
        assert_eq!(json(tenant(&home, &["show", name]))["id"], id);
    }
    let list = tenant(&home, &["list"]).expect(0).out;
    assert!(list.starts_with(id) && list.contains("acme") && list.ends_with("acme\n"), "{list}");
    assert_eq!(json(tenant(&home, &["list", "--json"]))["id"], id);
    let limited = json(tenant(&home, &["limit", "acme", "--max-members", "7"]));
    assert_eq!(limited["max_members"], 7, "{limited}");

    let key = up.client().bearer(&person.api_key());
    for (to, back) in [("suspend", "resume"), ("delete", "resume")] {
        json(tenant(&home, &[to, "acme", "--reason", "unpaid"]));
        soon(&person.client, 403);
        soon(&key, 403);
        let refused = wait(key.get("/v1/tenant/organization"));
        refused.expect_problem(403, "tenant.organization.suspended");
        json(tenant(&home, &[back, "acme"]));
        soon(&person.client, 200);
        soon(&key, 200);
    }
    // A reader that has seen enough is no error.
    create(&home, &["second", "--owner-email", "bob@second.example"], PASSWORD).expect(0);
    let head = run(shell(r#""$0" tenant list --data "$1" | head -1"#).arg(home.data())).expect(0);
    assert_eq!((head.out.lines().count(), head.err.as_str()), (1, ""), "{}", head.out);
}

/// Within two seconds, give or take a busy machine.
#[track_caller]
fn soon(client: &Client, status: u16) {
    let begin = Instant::now();
    while wait(client.get("/v1/tenant/organization")).status != status {
        assert!(begin.elapsed() < Duration::from_secs(4), "no {status}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_cannot_be_done_is_explained() {
    let home = Home::fresh();
    tenant(&home, &["list"]).fails_with(&["database.url is not set", "veza up"]);
    let _up = home.up();
    for command in ["show", "suspend", "resume", "delete"] {
        tenant(&home, &[command, "nobody"]).fails_with(&["no such organization"]);
    }
    tenant(&home, &["limit", "nobody", "--max-members", "3"]).fails_with(&["no such organization"]);
    let owner = ["--owner-email", "ada@acme.example"];
    for (slug, rest, password, said) in [
        ("Ac", owner, PASSWORD, "/slug"),
        ("acme", ["--owner-email", "nobody"], PASSWORD, "/owner/email"),
        ("acme", owner, "short", "/owner/password"),
        ("acme", owner, "", "/owner/password"),
    ] {
        create(&home, &[slug, rest[0], rest[1]], password).fails_with(&["breaks a rule", said]);
    }
    create(&home, &["acme", owner[0], owner[1]], PASSWORD).expect(0);
    create(&home, &["acme", owner[0], owner[1]], PASSWORD).fails_with(&["taken"]);
    create(&home, &["other", owner[0], owner[1]], "not their password").fails_with(&["exists"]);
}
