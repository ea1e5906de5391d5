//! An organisation's owner, who uses the program.

use serde_json::{Value, json};
use veza_testing::{Client, Reply};

use crate::process::wait;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// An organisation and the tokens of its owner.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) pair: Value,
    pub(crate) client: Client,
}

/// Asks for an organisation.
pub(crate) fn create(client: &Client, slug: &str) -> Reply {
    let owner = json!({ "name": "Ada", "email": email(slug), "password": PASSWORD });
    wait(client.post("/v1/tenant/organizations", &json!({ "name": slug, "slug": slug, "owner": owner })))
}

pub(crate) fn email(slug: &str) -> String {
    format!("ada@{slug}.example")
}

impl Person {
    /// Creates an organisation and signs in.
    pub(crate) fn new(client: &Client, slug: &str) -> Self {
        create(client, slug).expect(201);
        Self::sign_in(client, slug)
    }

    /// Signs in.
    pub(crate) fn sign_in(client: &Client, slug: &str) -> Self {
        let body = json!({ "email": email(slug), "password": PASSWORD });
        let pair = wait(client.post("/v1/tenant/sessions", &body)).expect(201);
        let client = client.bearer(pair["access_token"].as_str().unwrap());
        Self { pair, client }
    }

    pub(crate) fn token(&self) -> &str {
        self.pair["access_token"].as_str().unwrap()
    }

    /// Makes an API key.
    pub(crate) fn api_key(&self) -> String {
        let body = json!({ "name": "a key", "scopes": ["tenant.organization.read"] });
        let key = wait(self.client.post("/v1/tenant/api-keys", &body)).expect(201);
        key["secret"].as_str().unwrap().to_owned()
    }
}

/// Whom a token stands for.
pub(crate) fn me(client: &Client) -> Reply {
    wait(client.get("/v1/tenant/me"))
}
