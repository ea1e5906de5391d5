//! E-mail: queued with what it is about, kept while the mail server is away, sent once.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use veza::tenant::SmtpMailer;
use veza_testing::{AppBuilder, DbTest, TestDirectory, db_test};

/// A mail server of Debian's (`python3-aiosmtpd`), which writes what it takes to a file.
struct MailServer {
    child: Child,
    directory: TestDirectory,
}

impl MailServer {
    fn start(port: u16) -> Self {
        let directory = TestDirectory::new();
        let taken = std::fs::File::create(directory.path().join("taken")).unwrap();
        let child = Command::new("/usr/bin/python3")
            .args(["-u", "-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")])
            .args(["-c", "aiosmtpd.handlers.Debugging", "stdout"])
            .stdout(taken)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, directory };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the mail server does not start; apt-get install python3-aiosmtpd");
    }

    fn taken(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("taken")).unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

async fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not happen within twenty seconds");
}

#[db_test(clock = "manual")]
async fn mail_waits_for_a_server_that_is_away(t: DbTest) {
    let port = free_port();
    let mailer = SmtpMailer::new(&format!("smtp://127.0.0.1:{port}"), "Veza <veza@example.org>").unwrap();
    assert!(mailer.check().await.is_err());
    let app = AppBuilder::new(&t.database).clock(&t.clock).mailer(Arc::new(mailer)).start().await;
    let invitation = json!({ "email": "bob@example.org" });
    app.alice.client.post("/v1/tenant/invitations", &invitation).await.expect(201);
    let failed = "SELECT count(*) FROM tenant.mails WHERE attempts = 1 AND last_error IS NOT NULL";
    wait_for("a failed attempt", || t.database.superuser().count(failed) == 1).await;
    let server = MailServer::start(port);
    t.clock.advance(TimeDelta::seconds(61));
    wait_for("the mail", || t.database.superuser().count("SELECT count(*) FROM tenant.mails") == 0).await;
    let taken = server.taken();
    assert_eq!(taken.matches("MESSAGE FOLLOWS").count(), 1, "{taken}");
    assert!(
        taken.contains("To: bob@example.org") && taken.contains("Subject: Invitation to alice"),
        "{taken}"
    );
    assert!(taken.contains("From: Veza <veza@example.org>") && taken.contains("Message-ID: <"), "{taken}");
}

#[db_test]
async fn two_processes_send_each_mail_once(t: DbTest) {
    let left = AppBuilder::new(&t.database).start().await;
    let right = AppBuilder::new(&t.database).start().await;
    for number in 0..20 {
        let invitation = json!({ "email": format!("bob-{number}@example.org") });
        let app = if number % 2 == 0 { &left } else { &right };
        app.alice.client.post("/v1/tenant/invitations", &invitation).await.expect(201);
    }
    wait_for("all mail", || t.database.superuser().count("SELECT count(*) FROM tenant.mails") == 0).await;
    let mut sent = [left.mails.sent(), right.mails.sent()].concat();
    sent.sort_by(|a, b| a.to.cmp(&b.to));
    sent.dedup_by(|a, b| a.to == b.to);
    assert_eq!(sent.len(), 20);
    assert_eq!(left.mails.sent().len() + right.mails.sent().len(), 20, "each once");
}

#[db_test]
async fn a_header_cannot_be_smuggled_in(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let named = json!({ "name": "Acme\r\nBcc: everybody@example.org" });
    app.alice.client.patch("/v1/tenant/organization", &named).await.expect_problem(400, "tenant.invalid");
    for email in
        ["bob@example.org\r\nBcc: x@example.org", "bob@example.org, x@example.org", "<bob@example.org>"]
    {
        let reply = app.alice.client.post("/v1/tenant/invitations", &json!({ "email": email })).await;
        reply.expect_problem(400, "tenant.invalid");
    }
}
