//! What a log may hold.

use serde_json::json;

use crate::person::{PASSWORD, Person, create, email};
use crate::process::{wait, wait_for};
use crate::serve::{Serve, configured, database, log};
use crate::up::Home;

#[test]
fn a_log_is_json_and_holds_nothing_of_people() {
    let mut command = configured(&database(), &["serve"]);
    let served = Serve::start(command.env("VEZA_TELEMETRY__LOG", "trace").env("RUST_BACKTRACE", "1"));
    let client = served.client();
    let person = Person::new(&client, "discreet");
    let key = person.api_key();
    wait(client.bearer(&key).get("/v1/tenant/organization")).expect(200);
    create(&client, "discreet").expect_problem(409, "tenant.organization.slug_taken");
    let wrong = json!({ "email": email("discreet"), "password": "not the right one" });
    wait(client.post("/v1/tenant/sessions", &wrong)).expect(401);
    let refresh = person.pair["refresh_token"].as_str().unwrap();
    wait(client.post("/v1/tenant/sessions/refresh", &json!({ "refresh_token": refresh }))).expect(201);
    let invited = json!({ "email": "bob@discreet.example", "role": "member" });
    wait(person.client.post("/v1/tenant/invitations", &invited)).expect(201);
    wait(client.get("/nowhere?token=geheim")).expect(404);
    wait(client.post("/v1/tenant/invitations/accept", &json!({ "token": "geheim", "password": "geheim" })));
    let ended = served.process.stop().expect(0);
    let lines = log(&ended.err);
    assert!(lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()));
    let access = |line: &&serde_json::Value| line["target"] == "veza_web::access";
    assert!(lines.iter().filter(access).count() >= 9, "{}", ended.err);
    let secrets = [
        "ada@",
        "bob@",
        PASSWORD,
        "not the right one",
        "geheim",
        person.token(),
        person.token().split('.').next_back().unwrap(),
        refresh,
        &key,
        crate::serve::ROOT_SECRET,
    ];
    for secret in secrets {
        let line = ended.err.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    assert!(ended.out.is_empty(), "{}", ended.out);
}

#[test]
fn only_on_a_developers_machine_e_mails_are_printed() {
    let invited = json!({ "email": "bob@told.example", "role": "member" });
    let (home, database) = (Home::used(), database());
    let up = home.up();
    let person = Person::new(&up.client(), "told");
    wait(person.client.post("/v1/tenant/invitations", &invited)).expect(201);
    wait_for("the e-mail", || up.process.err().contains("To: bob@told.example").then_some(()));

    let served = Serve::start(&mut configured(&database, &["serve"]));
    let person = Person::new(&served.client(), "told");
    wait(person.client.post("/v1/tenant/invitations", &invited)).expect(201);
    let ended = served.process.stop().expect(0);
    assert!(ended.err.contains("e-mails wait"), "{}", ended.err);
    assert!(!ended.err.contains("bob@"), "{}", ended.err);
}
