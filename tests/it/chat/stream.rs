//! Rooms over server-sent events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use veza_testing::{App, AppBuilder, DbTest, db_test};

use super::{room, say};

/// A stream of events, as it comes.
pub(super) struct Stream {
    lines: BufReader<TcpStream>,
}

impl Stream {
    pub(super) fn open(app: &App, room: &str, query: &str, last: Option<i64>) -> Self {
        let address = app.base.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let token = app.alice.session["access_token"].as_str().unwrap();
        let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        let head = format!(
            "GET {room}/stream{query} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut opened = Self { lines: BufReader::new(stream) };
        let status = opened.line();
        assert!(status.contains("200"), "{status}");
        while !opened.line().is_empty() {}
        opened
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).unwrap();
        assert!(read > 0, "the connection was cut");
        line.trim_end().to_owned()
    }

    /// Waits until nothing more comes: for the last chunk, which is empty.
    pub(super) fn ended(&mut self) {
        while self.line() != "0" {}
    }

    /// The next event: its id, its name, its data. Lines of the chunked encoding are passed over.
    pub(super) fn next(&mut self) -> (Option<i64>, String, Value) {
        let (mut id, mut name) = (None, "message".to_owned());
        loop {
            let line = self.line();
            if let Some(value) = line.strip_prefix("id: ") {
                id = value.parse().ok();
            } else if let Some(value) = line.strip_prefix("event: ") {
                value.clone_into(&mut name);
            } else if let Some(value) = line.strip_prefix("data: ") {
                return (id, name, serde_json::from_str(value).unwrap());
            }
        }
    }
}

#[db_test]
async fn the_log_comes_and_goes_on(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let room = room(&app.alice.client, "private").await;
    let seq = say(&app.alice.client, &room, "one").await;
    let mut stream = Stream::open(&app, &room, "?after=0", None);
    for expected in 1..=seq {
        let (id, name, data) = stream.next();
        assert_eq!((id, name.as_str(), &data["seq"]), (Some(expected), "message", &json!(expected)));
    }
    say(&app.alice.client, &room, "two").await;
    assert_eq!(stream.next().2["body"]["text"], "two");
    drop(stream);
    say(&app.alice.client, &room, "three").await;
    // The header has precedence, as a browser that comes back has it.
    let mut stream = Stream::open(&app, &room, "?after=0", Some(seq + 1));
    assert_eq!(stream.next().2["body"]["text"], "three");
    let mut stream = Stream::open(&app, &room, "?after=1000", None);
    assert_eq!(stream.next(), (Some(seq + 2), "reset".to_owned(), json!({ "head": seq + 2 })));
}

#[db_test]
async fn who_is_removed_hears_no_more(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    let room = room(alice, "private").await;
    let me = app.alice.session["person_id"].as_str().unwrap();
    let mut stream = Stream::open(&app, &room, "", None);
    assert_eq!(alice.delete(&format!("{room}/members/{me}")).await.status, 204);
    assert_eq!(stream.next().2["kind"], "leave");
    assert_eq!(stream.next().1, "ended");
    // An owner of the organisation may know of the room, and reads as little as anybody.
    alice.get(&format!("{room}/stream")).await.expect_problem(403, "chat.member.needed");
}

#[db_test]
async fn a_bad_beginning_is_refused(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let room = room(&app.alice.client, "private").await;
    let path = format!("{room}/stream");
    let alice = &app.alice.client;
    alice.get(&format!("{path}?after=-1")).await.expect_problem(400, "chat.invalid");
    alice.get(&format!("{path}?after=x")).await.expect_problem(400, "web.query.invalid");
    alice.with("last-event-id", "x").get(&path).await.expect_problem(400, "chat.invalid");
    app.mallory.client.get(&path).await.expect_problem(404, "chat.not_found");
}
