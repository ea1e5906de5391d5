use super::*;

/// The request of RFC 6455, section 1.2, without subprotocols.
const GOOD: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
];
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn ask(method: &str, http_1_1: bool, headers: &[(&str, &str)]) -> Result<Upgrade, Refusal> {
    let header = |name| {
        let of_name = headers.iter().filter(move |(is, _)| *is == name);
        of_name.map(|(_, value)| value.as_bytes())
    };
    Request { method, http_1_1, header }.upgrade(&["veza.v2", "veza.v1"])
}

/// The good request with other values of one header.
fn with(name: &'static str, values: &[&'static str]) -> Result<Upgrade, Refusal> {
    let mut headers: Vec<_> = GOOD.into_iter().filter(|(is, _)| *is != name).collect();
    headers.extend(values.iter().map(|value| (name, *value)));
    ask("GET", true, &headers)
}

#[test]
fn answers_the_request_of_the_rfc() {
    assert_eq!(ask("GET", true, &GOOD), Ok(Upgrade { accept: ACCEPT.to_owned(), protocol: None }));
    assert_eq!(accept_key(&client_key(*b"the sample nonce")), ACCEPT);
}

#[test]
fn refuses_other_methods_and_versions_of_http() {
    assert_eq!(ask("POST", true, &GOOD), Err(Refusal::Method));
    assert_eq!(ask("get", true, &GOOD), Err(Refusal::Method));
    assert_eq!(ask("GET", false, &GOOD), Err(Refusal::HttpVersion));
}

#[test]
fn judges_each_header() {
    let table: [(&str, &[&str], Option<Refusal>); 24] = [
        ("upgrade", &["WebSocket"], None),
        ("upgrade", &["h2c, websocket"], None),
        ("upgrade", &["h2c", "websocket"], None),
        ("upgrade", &[], Some(Refusal::Upgrade)),
        ("upgrade", &["websockets"], Some(Refusal::Upgrade)),
        ("connection", &["keep-alive,  UPGRADE"], None),
        ("connection", &["keep-alive", "upgrade"], None),
        ("connection", &[",\t upgrade ,"], None),
        ("connection", &["keep-alive"], Some(Refusal::Connection)),
        ("connection", &["upgraded"], Some(Refusal::Connection)),
        ("connection", &[], Some(Refusal::Connection)),
        ("sec-websocket-version", &[" 13 "], None),
        ("sec-websocket-version", &["8"], Some(Refusal::Version)),
        ("sec-websocket-version", &["13", "13"], Some(Refusal::Version)),
        ("sec-websocket-version", &["13, 8"], Some(Refusal::Version)),
        ("sec-websocket-version", &[], Some(Refusal::Version)),
        ("sec-websocket-key", &[], Some(Refusal::Key)),
        ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ"], Some(Refusal::Key)),
        ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25j"], Some(Refusal::Key)),
        ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEA=="], Some(Refusal::Key)),
        ("sec-websocket-key", &["ü"], Some(Refusal::Key)),
        ("sec-websocket-protocol", &["a b"], Some(Refusal::Protocol)),
        ("sec-websocket-protocol", &["veza.v1, \"x\""], Some(Refusal::Protocol)),
        ("sec-websocket-protocol", &["none, of, these"], None),
    ];
    for (name, values, refusal) in table {
        assert_eq!(with(name, values).err(), refusal, "{name}: {values:?}");
    }
}

#[test]
fn chooses_the_first_subprotocol_of_the_client_that_is_served() {
    let table: [(&[&str], _); 5] = [
        (&["veza.v1, veza.v2"], Some("veza.v1")),
        (&["graphql-ws", "veza.v2, veza.v1"], Some("veza.v2")),
        (&["VEZA.V1"], None),
        (&["veza"], None),
        (&[""], None),
    ];
    for (values, protocol) in table {
        assert_eq!(with("sec-websocket-protocol", values).unwrap().protocol, protocol, "{values:?}");
    }
}

#[test]
fn tells_what_would_do() {
    assert_eq!((Refusal::Version.status(), Refusal::Upgrade.status()), (426, 426));
    assert!(Refusal::Version.headers().contains(&("sec-websocket-version", "13")));
    assert!(Refusal::Upgrade.headers().contains(&("upgrade", "websocket")));
    assert_eq!((Refusal::Method.status(), Refusal::Method.headers()), (405, &[("allow", "GET")][..]));
    for refusal in [Refusal::HttpVersion, Refusal::Connection, Refusal::Key, Refusal::Protocol] {
        assert_eq!((refusal.status(), refusal.headers().len()), (400, 0), "{refusal}");
    }
}
