//! The protocol as an `AsyncAPI` document, made of the types that read and write it.

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::bodies::{At, Behind, Editing, InRoom, Nothing, Of, Sending, Token, With};
use super::{PROTOCOL, answers, pushes};

/// Requests: method, what it is for, the shape of the request and of its result.
const METHODS: [(&str, &str, Shape, Shape); 12] = [
    (
        "hello",
        "Says who the caller is: first of all, and again with each new token.",
        of::<Token>,
        of::<answers::Welcome>,
    ),
    ("subscribe", "Listens to a room.", of::<Behind>, of::<answers::Subscribed>),
    ("unsubscribe", "Listens to a room no more.", of::<InRoom>, of::<answers::Nothing>),
    ("send", "Sends a message. It is stored when this is answered.", of::<Sending>, of::<answers::Stored>),
    ("edit", "Gives a message of the caller's another body.", of::<Editing>, of::<answers::Done>),
    ("delete", "Deletes a message.", of::<At>, of::<answers::Done>),
    ("react", "Reacts to a message.", of::<With>, of::<answers::Done>),
    ("unreact", "Takes a reaction back.", of::<With>, of::<answers::Done>),
    ("read", "Notes how far the caller has read.", of::<At>, of::<crate::member::Cursor>),
    ("typing", "Tells that the caller types.", of::<InRoom>, of::<answers::Nothing>),
    ("watch", "Asks who is there, and to be told who comes and goes.", of::<Of>, of::<answers::Watched>),
    ("ping", "Asks whether the server is there.", of::<Nothing>, of::<answers::Nothing>),
];

/// What comes without being asked for.
const PUSHES: [(&str, &str, Shape); 5] = [
    ("event", "The next event of a room.", of::<pushes::Event>),
    ("signal", "Lossy: who types, how far somebody has read.", of::<pushes::Signal>),
    ("presence", "Lossy: somebody who is watched came or went.", of::<crate::Presence>),
    ("reset", "The cursor was ahead of the log.", of::<pushes::Reset>),
    ("ended", "The room may not be read any more.", of::<pushes::Ended>),
];

type Shape = fn(&mut Map<String, Value>) -> Value;

/// The schema of a type; those that it refers to are collected.
fn of<T: ToSchema + PartialSchema>(schemas: &mut Map<String, Value>) -> Value {
    let mut inner: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut inner);
    for (name, schema) in inner {
        schemas.insert(name, json!(schema));
    }
    schemas.insert(T::name().into_owned(), json!(T::schema()));
    json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
}

/// The document (`AsyncAPI` 3.0.0) of the WebSocket at `/v1/chat/connect`.
pub fn document() -> Value {
    let (mut schemas, mut messages, mut operations) = (Map::new(), Map::new(), Map::new());
    let channel = json!({ "$ref": "#/channels/chat" });
    let in_channel = |name: &str| json!({ "$ref": format!("#/channels/chat/messages/{name}") });
    for (method, summary, request, result) in METHODS {
        let request = request(&mut schemas);
        let request = json!({ "allOf": [request, { "properties": { "method": { "const": method } } }] });
        messages
            .insert(method.to_owned(), json!({ "title": method, "summary": summary, "payload": request }));
        let answer = format!("{method}Answer");
        let payload = json!({
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": { "type": "integer" },
                "result": result(&mut schemas),
                "error": of::<answers::Wrong>(&mut schemas),
            },
            "oneOf": [{ "required": ["result"] }, { "required": ["error"] }],
        });
        messages.insert(answer.clone(), json!({ "title": answer, "payload": payload }));
        let reply = json!({ "channel": channel, "messages": [in_channel(&answer)] });
        let operation = json!({
            "action": "receive", "channel": channel, "summary": summary,
            "messages": [in_channel(method)], "reply": reply,
        });
        operations.insert(method.to_owned(), operation);
    }
    for (kind, summary, shape) in PUSHES {
        let shape = shape(&mut schemas);
        let payload = json!({ "allOf": [shape, { "required": ["type"], "properties": { "type": { "const": kind } } }] });
        let name = format!("{kind}Push");
        messages.insert(name.clone(), json!({ "title": name, "summary": summary, "payload": payload }));
        let operation = json!({ "action": "send", "channel": channel, "summary": summary, "messages": [in_channel(&name)] });
        operations.insert(name, operation);
    }
    let in_components =
        |name: &String| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") }));
    let of_channel: Map<String, Value> = messages.keys().map(in_components).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Veza chat",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("The WebSocket subprotocol `{PROTOCOL}`. Rules and close codes: PROTOCOL.md of veza-chat."),
        },
        "defaultContentType": "application/json",
        "channels": {
            "chat": {
                "address": "/v1/chat/connect",
                "title": "The WebSocket",
                "messages": of_channel,
                "bindings": { "ws": { "method": "GET" } },
            }
        },
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::socket::request::Head;

    /// A value that a schema accepts, with all that it knows of or only what it needs.
    fn sample(document: &Value, schema: &Value, all: bool) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            return sample(document, document.pointer(name.trim_start_matches('#')).unwrap(), all);
        }
        if let Some(example) = schema.get("example") {
            return example.clone();
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
        match kind {
            "object" => {
                let needed = schema["required"].as_array().cloned().unwrap_or_default();
                let properties = schema["properties"].as_object().cloned().unwrap_or_default();
                let wanted = properties.iter().filter(|(name, _)| all || needed.contains(&json!(name)));
                wanted.map(|(name, schema)| (name.clone(), sample(document, schema, all))).collect()
            }
            "array" => json!([]),
            "string" if schema["format"] == "uuid" => json!(uuid::Uuid::nil()),
            "string" => json!("x"),
            _ => json!(1),
        }
    }

    /// Every request that the document describes is read, and every method that is read is described.
    #[test]
    fn the_document_is_what_the_code_does() {
        let document = document();
        for (method, ..) in METHODS {
            let schema = &document["components"]["messages"][method]["payload"]["allOf"][0];
            for all in [false, true] {
                let mut request = sample(&document, schema, all);
                request["method"] = json!(method);
                let text = request.to_string();
                let head = Head::read(&text).unwrap();
                head.request(&text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
            }
        }
        let unknown = Head::read(r#"{"id":1,"method":"unknown"}"#).unwrap();
        let problem = unknown.request(r#"{"id":1,"method":"unknown"}"#).unwrap_err();
        let named = problem.errors().first().unwrap().rule.replace(" or ", ", ");
        let mut named: Vec<&str> = named.split(", ").collect();
        let mut described = METHODS.map(|(method, ..)| method).to_vec();
        named.sort_unstable();
        described.sort_unstable();
        assert_eq!(named, described);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(document: &Value, value: &Value) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(target)) = fields.get("$ref") {
                        assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
                    }
                    fields.values().for_each(|value| walk(document, value));
                }
                Value::Array(items) => items.iter().for_each(|value| walk(document, value)),
                _ => {}
            }
        }
        let document = document();
        walk(&document, &document);
    }
}
