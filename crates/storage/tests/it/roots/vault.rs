//! Vault's transit engine. No Vault can be had for this test, so a small server of its own speaks the protocol as
//! Vault's documentation has it: what is tested is what we send, and what we make of the answers.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use veza_core::config::Secret;
use veza_storage::Error;
use veza_storage::crypt::{RootKey, VaultConfig, VaultRootKey};

use super::keeps_keys;

/// What stands for encryption: ciphertexts, and what they were made of.
type Sealed = Arc<Mutex<HashMap<String, (String, String)>>>;

fn vault(kind: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sealed = Sealed::default();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), kind, &sealed);
        }
    });
    url
}

fn serve(mut stream: TcpStream, kind: &str, sealed: &Sealed) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    while reader.read_line(&mut head).unwrap() > 2 {
        let line = head.lines().last().unwrap().to_ascii_lowercase();
        length = line.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = answer(&head, &body, kind, &mut sealed.lock().unwrap());
    let text = answer.to_string();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
    stream.write_all((head + &text).as_bytes()).unwrap();
}

fn answer(
    head: &str,
    body: &Value,
    kind: &str,
    sealed: &mut HashMap<String, (String, String)>,
) -> (u16, Value) {
    if !head.to_ascii_lowercase().contains("x-vault-token: s.right") {
        return (403, json!({ "errors": ["permission denied"] }));
    }
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    match head.lines().next().unwrap().split(' ').collect::<Vec<_>>()[..2] {
        ["GET", "/v1/transit/keys/veza"] => (200, json!({ "data": { "type": kind, "latest_version": 3 } })),
        ["POST", "/v1/transit/encrypt/veza"] => {
            let ciphertext = format!("vault:v3:{:>08}AAAAAAAAAAAA==", sealed.len());
            sealed.insert(ciphertext.clone(), (text("plaintext"), text("associated_data")));
            (200, json!({ "data": { "ciphertext": ciphertext, "key_version": 3 } }))
        }
        ["POST", "/v1/transit/decrypt/veza"] => match sealed.get(&text("ciphertext")) {
            Some((plaintext, data)) if *data == text("associated_data") => {
                (200, json!({ "data": { "plaintext": plaintext } }))
            }
            _ => (400, json!({ "errors": ["cipher: message authentication failed"] })),
        },
        _ => (404, json!({ "errors": [] })),
    }
}

fn config(url: String, key: &str, token: &str) -> VaultConfig {
    let token = Secret::new(token);
    VaultConfig { url, mount: "transit".to_owned(), key: key.to_owned(), token, ca_file: None }
}

#[tokio::test]
async fn vault_keeps_keys() {
    let root = VaultRootKey::open(config(vault("aes256-gcm96"), "veza", "s.right")).await.unwrap();
    assert_eq!(root.current(), "vault:veza:v3");
    keeps_keys(&root).await;
    assert!(!format!("{root:?}").contains("s.right"));
}

#[tokio::test]
async fn what_cannot_work_is_told_at_the_start() {
    let url = vault("aes256-gcm96");
    let absent = VaultRootKey::open(config(url.clone(), "absent", "s.right")).await;
    assert!(matches!(absent, Err(Error::Setup(_))), "{absent:?}");
    let denied = VaultRootKey::open(config(url.clone(), "veza", "s.wrong")).await;
    assert!(matches!(denied, Err(Error::Refused(_))), "{denied:?}");
    let odd = VaultRootKey::open(config(url, "../sys/seal?", "s.right")).await;
    assert!(matches!(odd, Err(Error::Setup(_))), "{odd:?}");
    let unfit = VaultRootKey::open(config(vault("rsa-2048"), "veza", "s.right")).await;
    assert!(matches!(unfit, Err(Error::Setup(_))), "{unfit:?}");
    let away = VaultRootKey::open(config("http://127.0.0.1:1".to_owned(), "veza", "s.right")).await;
    assert!(matches!(away, Err(Error::Unavailable { .. })), "{away:?}");
}
