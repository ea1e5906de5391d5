//! Access tokens: ours, unaltered, unexpired, and nothing that merely looks like it.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use veza_testing::{App, AppBuilder, TenantTest, tenant_test};

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

async fn refuse(app: &App, token: &str, why: &str) {
    let reply = app.anonymous().bearer(token).get("/v1/tenant/members").await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (401, &json!("tenant.token.invalid")),
        "{why}: {}",
        reply.text
    );
    assert!(reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{why}");
}

#[tenant_test]
async fn the_published_keys_verify_our_tokens(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let token = app.alice.session["access_token"].as_str().unwrap();
    let jwks = app.anonymous().get("/.well-known/jwks.json").await.expect(200);
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::EdDSA, Some("at+jwt")));
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == json!(header.kid)).unwrap();
    assert!(key["d"].is_null(), "no private half");
    let decoding = DecodingKey::from_ed_components(key["x"].as_str().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["veza"]);
    validation.set_issuer(&[&app.base]);
    let claims = jsonwebtoken::decode::<Value>(token, &decoding, &validation).unwrap().claims;
    assert_eq!(claims["tid"], json!(app.alice.tenant));
    assert_eq!(claims["sid"], app.alice.session["session_id"]);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
}

#[tenant_test]
async fn altered_tokens_are_refused(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let token = app.alice.session["access_token"].as_str().unwrap();
    let [header, claims, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut other = part(token, 1);
    other["tid"] = json!(app.mallory.tenant);
    refuse(&app, &format!("{header}.{}.{signature}", encode(&other)), "another tenant").await;
    let mut more = part(token, 1);
    more["exp"] = json!(4_000_000_000_i64);
    refuse(&app, &format!("{header}.{}.{signature}", encode(&more)), "a longer life").await;
    refuse(&app, &format!("{header}.{claims}."), "no signature").await;
    refuse(&app, &format!("{header}.{claims}"), "two parts").await;
    refuse(&app, &format!("{token}.x"), "four parts").await;
    refuse(&app, &format!("{header}.{claims}.{}", &signature[..signature.len() - 4]), "a cut signature")
        .await;
    for text in ["x", "..", "a.b.c", "eyJ.eyJ.", &"a".repeat(7_000)] {
        refuse(&app, text, text).await;
    }
    let none = encode(&json!({ "alg": "none", "typ": "at+jwt", "kid": part(token, 0)["kid"] }));
    refuse(&app, &format!("{none}.{claims}."), "alg none").await;
}

#[tenant_test]
async fn keys_that_are_not_ours_sign_nothing(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let token = app.alice.session["access_token"].as_str().unwrap();
    let claims = part(token, 1);
    let kid = part(token, 0)["kid"].as_str().unwrap().to_owned();
    let jwks = app.anonymous().get("/.well-known/jwks.json").await.expect(200);
    let public = URL_SAFE_NO_PAD.decode(jwks["keys"][0]["x"].as_str().unwrap()).unwrap();
    let own = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
    let own = EncodingKey::from_ed_der(own.as_ref());
    let header = |alg, kid: Option<&str>| {
        let mut header = Header::new(alg);
        header.typ = Some("at+jwt".to_owned());
        header.kid = kid.map(str::to_owned);
        header
    };
    let sign = |header: &Header, key: &EncodingKey| jsonwebtoken::encode(header, &claims, key).unwrap();
    refuse(&app, &sign(&header(Algorithm::EdDSA, Some(&kid)), &own), "another key under our id").await;
    refuse(&app, &sign(&header(Algorithm::EdDSA, Some("unknown")), &own), "an unknown id").await;
    refuse(&app, &sign(&header(Algorithm::EdDSA, Some("../../etc/passwd")), &own), "a path as id").await;
    refuse(&app, &sign(&header(Algorithm::EdDSA, None), &own), "no id").await;
    // The public key as an HMAC secret: the classic confusion of algorithms.
    let hmac = EncodingKey::from_secret(&public);
    refuse(&app, &sign(&header(Algorithm::HS256, Some(&kid)), &hmac), "HS256 with the public key").await;
}

#[tenant_test]
async fn another_kind_of_token_is_no_access_token(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    refuse(&app, app.alice.session["refresh_token"].as_str().unwrap(), "a refresh token").await;
    refuse(&app, &app.platform.tenants.first_run_token(), "the first-run token").await;
    let bare = app.anonymous().get("/v1/tenant/members").await;
    bare.expect_problem(401, "tenant.credentials.missing");
    let token = app.alice.session["access_token"].as_str().unwrap();
    for scheme in ["Basic", "Token", "bearer bearer"] {
        let reply =
            app.anonymous().with("authorization", format!("{scheme} {token}")).get("/v1/tenant/me").await;
        assert!([400, 401].contains(&reply.status), "{scheme}: {}", reply.text);
    }
    let lower = app.anonymous().with("authorization", format!("bearer {token}")).get("/v1/tenant/me").await;
    lower.expect(200);
}
