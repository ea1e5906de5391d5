//! Requests that are none, or odd ones: each is answered once with something that is defined, or ends its connection
//! with the code that says so.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use veza_chat::client::{Incoming, Link, LinkError};
use veza_chat::{RoomId, client::Endpoint};

use crate::dice::Dice;
use crate::server::{HOLDS, Server};

/// Requests of the suite.
pub(crate) const CASES: u64 = 4_000;
/// KiB that they may cost the server.
const MEMORY: u64 = 32 * 1024;
/// Nothing may take longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// A request that is longer than this may be refused for its length.
const LONG: usize = 40 * 1024;

/// What every request has.
#[derive(Deserialize)]
struct Head {
    id: u64,
    #[serde(rename = "method")]
    _method: String,
}

pub(crate) fn run(cases: u64, seed: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = Server::start();
    let rooms = runtime
        .block_on(async { [server.room("one".to_owned()).await, server.room("two".to_owned()).await] });
    let mut talk = Talk {
        endpoint: server.endpoint(),
        token: server.person(0).token(HOLDS),
        rooms,
        dice: Dice::new(seed, 0),
        link: None,
        entered: false,
        answered: 0,
        refused: 0,
        ended: 0,
    };
    let mut before = None;
    for case in 0..cases {
        runtime.block_on(talk.case());
        // What the first of each kind need is there for all.
        if case == cases / 10 {
            before = Some(server.memory());
        }
    }
    let grown = server.memory().saturating_sub(before.unwrap_or_default());
    println!(
        "storm: {cases} requests from seed {seed}: {} answered, {} refused, {} ended their connection; {grown} KiB",
        talk.answered, talk.refused, talk.ended
    );
    assert!(talk.answered > 0 && talk.refused > 0 && talk.ended > 0, "one kind did not happen");
    assert!(grown < MEMORY, "{grown} KiB more than before");
    server.never_panicked();
}

struct Talk {
    endpoint: Endpoint,
    token: String,
    rooms: [RoomId; 2],
    dice: Dice,
    link: Option<Link>,
    entered: bool,
    answered: u64,
    refused: u64,
    ended: u64,
}

impl Talk {
    async fn case(&mut self) {
        let text = self.request();
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.open().await,
        };
        link.push_text(&text);
        let head = readable(&text);
        let outcome = tokio::time::timeout(PATIENCE, answer(&mut link)).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("no answer to {text}"));
        match (head, outcome) {
            (Some(head), Ok((id, code))) => {
                assert_eq!(id, head.id, "another answer than to {text}");
                match code {
                    None => self.answered += 1,
                    Some(code) => {
                        assert!(is_defined(&code), "{code} for {text}");
                        self.refused += 1;
                    }
                }
                if self.entered || !self.is_over(&mut link).await {
                    self.link = Some(link);
                }
            }
            (None, Err(Some(4_400))) => self.ended += 1,
            (_, Err(Some(1_009))) if text.len() > LONG => self.ended += 1,
            (head, outcome) => panic!("{} gave {outcome:?} for {text}", head.is_some()),
        }
        // Others begin anew, too.
        if self.dice.chance(2) {
            self.link = None;
        }
    }

    /// A connection; most are let in.
    async fn open(&mut self) -> Link {
        let mut link = Link::open(&self.endpoint).await.unwrap();
        self.entered = self.dice.chance(80);
        if self.entered {
            link.push_text(&json!({ "id": 0, "method": "hello", "token": self.token }).to_string());
            assert_eq!(answer(&mut link).await, Ok((0, None)));
        }
        link
    }

    /// Whether a connection that was not let in ended. It is in when what it sent was a good `hello` after all.
    async fn is_over(&mut self, link: &mut Link) -> bool {
        link.push_text(r#"{"id":77,"method":"ping"}"#);
        match tokio::time::timeout(PATIENCE, answer(link)).await.expect("an answer or an end") {
            Ok((77, None)) => {
                self.entered = true;
                false
            }
            Err(Some(4_400 | 4_401 | 4_403) | None) => true,
            other => panic!("{other:?} after a request before hello"),
        }
    }

    /// A request, or what is left of one.
    fn request(&mut self) -> String {
        let mut request = self.good();
        for _ in 0..self.dice.below(3) {
            self.bend(&mut request);
        }
        let mut text = request.to_string();
        if self.dice.chance(15) {
            self.scratch(&mut text);
        }
        text
    }

    fn good(&mut self) -> Value {
        let room = *self.dice.pick(&self.rooms);
        let (seq, id) = (self.dice.below(20), 1 + self.dice.below(1_000));
        let client = uuid::Builder::from_random_bytes(veza_core::bytes(self.dice.random())).into_uuid();
        let more = match self.dice.below(12) {
            0 => json!({ "method": "hello", "token": self.token }),
            1 => json!({ "method": "subscribe", "room": room, "after": seq }),
            2 => json!({ "method": "unsubscribe", "room": room }),
            3 => {
                json!({ "method": "send", "room": room, "body": { "text": "x" }, "client_id": client, "reply_to": seq })
            }
            4 => {
                json!({ "method": "send", "room": room, "body": { "data": { "n": [seq] } }, "attachments": [] })
            }
            5 => json!({ "method": "edit", "room": room, "seq": seq, "body": { "text": "y" } }),
            6 => json!({ "method": "delete", "room": room, "seq": seq }),
            7 => json!({ "method": "react", "room": room, "seq": seq, "emoji": "👍" }),
            8 => json!({ "method": "unreact", "room": room, "seq": seq, "emoji": "👍" }),
            9 => json!({ "method": "read", "room": room, "seq": seq }),
            10 => json!({ "method": "watch", "members": [client] }),
            _ => json!({ "method": "typing", "room": room }),
        };
        let Value::Object(mut request) = more else { unreachable!("all are objects") };
        request.insert("id".to_owned(), json!(id));
        Value::Object(request)
    }

    /// Something of it is missing, more, or another thing.
    fn bend(&mut self, request: &mut Value) {
        let odd = self.odd();
        let Value::Object(fields) = request else { return };
        let names: Vec<String> = fields.keys().cloned().collect();
        let name = if names.is_empty() { "id".to_owned() } else { self.dice.pick(&names).clone() };
        match self.dice.below(8) {
            0 => drop(fields.remove(&name)),
            1 => drop(fields.insert("more".to_owned(), odd)),
            // The fields without their names.
            2 => *request = fields.values().rev().cloned().collect(),
            3 if self.dice.chance(50) => *request = json!([7, "ping"]),
            3 => *request = odd,
            // Within a field.
            4 => match fields.get_mut(&name) {
                Some(Value::Object(inner)) => drop(inner.insert("text".to_owned(), odd)),
                Some(Value::Array(inner)) => inner.push(odd),
                _ => drop(fields.insert(name, odd)),
            },
            _ => drop(fields.insert(name, odd)),
        }
    }

    fn odd(&mut self) -> Value {
        let deep = |depth: u64| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        match self.dice.below(20) {
            0 => json!(null),
            1 => json!(true),
            2 => json!(-1),
            3 => json!(1.5),
            4 => json!(1_u64 << 53),
            5 => json!((1_u64 << 53) + 1),
            6 => json!(u64::MAX),
            7 => json!(i64::MIN),
            8 => json!(1e300),
            9 => json!(""),
            10 => json!("\u{0}"),
            11 => json!("a\u{202e}\u{feff}b\u{10ffff}"),
            12 => json!("x".repeat(usize::try_from(self.dice.below(20_000)).unwrap())),
            13 => json!(vec![
                "00000000-0000-0000-0000-000000000001";
                usize::try_from(self.dice.below(300)).unwrap()
            ]),
            14 => deep(self.dice.below(200)),
            15 => json!({}),
            16 => json!([]),
            17 => json!("00000000-0000-0000-0000-000000000000"),
            18 => json!([{ "bucket": "b", "key": "k" }]),
            _ => json!({ "text": "\u{0}", "data": { "\u{0}": null } }),
        }
    }

    /// Characters are lost, doubled, or others.
    fn scratch(&mut self, text: &mut String) {
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..=self.dice.below(3) {
            let length = u64::try_from(characters.len()).unwrap();
            let place = usize::try_from(self.dice.below(length + 1)).unwrap();
            let odd =
                *self.dice.pick(&['{', '}', '"', '\\', ',', ':', '[', ']', '0', 'e', '\u{0}', 'ü', ' ']);
            match self.dice.below(4) {
                0 => characters.truncate(place),
                1 => characters.insert(place, odd),
                2 if place < characters.len() => drop(characters.remove(place)),
                _ => characters.extend(characters.clone().into_iter().take(place)),
            }
        }
        *text = characters.into_iter().collect();
    }
}

/// What an answer could name: an object's `id` and `method`.
fn readable(text: &str) -> Option<Head> {
    let is_object = text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{');
    let head = serde_json::from_str::<Head>(text).ok();
    head.filter(|head| is_object && head.id <= 1 << 53)
}

/// What programs may decide by; an internal error is none.
fn is_defined(code: &str) -> bool {
    let documented = [veza_chat::CODES, veza_core::CODES, veza_web::CODES];
    let of_ours = documented.iter().flat_map(|codes| codes.iter()).any(|documented| documented.code == code);
    (of_ours && !code.ends_with("internal")) || code == "test.token.unknown"
}

/// The next answer: its id, and the code of its error; or with which code the connection ended.
async fn answer(link: &mut Link) -> Result<(u64, Option<String>), Option<u16>> {
    loop {
        match link.next().await {
            Ok(Incoming::Answer { id, outcome }) => {
                return Ok((id, outcome.err().map(|refusal| refusal.code)));
            }
            Ok(Incoming::Delivery(_)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error @ LinkError::Closed(_)) => return Err(error.close_code()),
            Err(LinkError::Io(_)) => return Err(None),
            Err(error) => panic!("{error}"),
        }
    }
}
