//! Every route of the OpenAPI document, tried as mallory with alice's ids: each answers exactly as
//! for an id that does not exist. A route that is added is walked without anybody remembering.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;
use veza_testing::{App, AppBuilder, Client, DbTest, Reply, db_test};

/// Routes that end what the walk still needs, or need no id to hurt the caller alone.
const OWN_ONLY: [&str; 2] = ["DELETE /v1/tenant/organization", "PUT /v1/tenant/me/password"];

/// One thing of each kind of alice's, by the name of the parameter that takes its id.
async fn victims(app: &App) -> BTreeMap<&'static str, String> {
    let alice = &app.alice.client;
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let role = json!({ "name": "canary-role", "permissions": [] });
    let role = alice.post("/v1/tenant/roles", &role).await.expect(201);
    let key = json!({ "name": "canary-key", "scopes": [] });
    let key = alice.post("/v1/tenant/api-keys", &key).await.expect(201);
    let invitation = json!({ "email": "canary-invitation@example.org" });
    let invitation = alice.post("/v1/tenant/invitations", &invitation).await.expect(201);
    let queue = json!({ "name": "canary-queue" });
    let queue = alice.post("/v1/jobs/queues", &queue).await.expect(201);
    let message = json!({ "body": "canary-message" });
    alice.post("/v1/jobs/queues/canary-queue/messages", &message).await.expect(201);
    let of_jobs = jobs(alice).await;
    let bucket = json!({ "name": "canary-bucket" });
    alice.post("/v1/storage/buckets", &bucket).await.expect(201);
    let object = "/v1/storage/buckets/canary-bucket/objects/canary-key";
    let object = alice.send("PUT", object, Some("canary-bytes".into())).await.expect(201);
    let room = json!({ "kind": "public", "name": "canary-room" });
    let room = alice.post("/v1/chat/rooms", &room).await.expect(201);
    let file = json!({ "bucket": "canary-bucket", "key": "canary-key" });
    let message = json!({ "body": { "text": "canary-text" }, "attachments": [file, file] });
    let said = format!("/v1/chat/rooms/{}/messages", id(&room));
    let message = alice.post(&said, &message).await.expect(201);
    let channel = json!({ "name": "canary-channel" });
    let channel = alice.post("/v1/stream/channels", &channel).await.expect(201);
    let whip = format!("/v1/stream/channels/{}/whip", id(&channel));
    let sdp = alice.with("content-type", "application/sdp");
    let published = sdp.send("POST", &whip, Some(crate::stream::offer("sendonly").into())).await;
    let resource = published.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    let live = alice.get(&format!("/v1/stream/channels/{}/sessions", id(&channel))).await.expect(200);
    let upload = json!({ "key": "canary-upload" });
    let upload = alice.post("/v1/storage/buckets/canary-bucket/uploads", &upload).await.expect(201);
    let mut victims = BTreeMap::from([
        ("room_id", id(&room)),
        ("channel_id", id(&channel)),
        ("resource", resource),
        ("stream_session_id", id(&live["items"][0])),
        ("member_id", app.alice.session["person_id"].as_str().unwrap().to_owned()),
        ("seq", message["seq"].to_string()),
        ("emoji", "canary-emoji".to_owned()),
        ("upload_id", id(&upload)),
        ("number", "1".to_owned()),
        ("organization", app.alice.tenant.to_string()),
        ("role_id", id(&role)),
        ("key_id", id(&key)),
        ("invitation_id", id(&invitation)),
        ("queue", queue["name"].as_str().unwrap().to_owned()),
        ("bucket", "canary-bucket".to_owned()),
        ("key", "canary-key".to_owned()),
        ("version_id", object["version_id"].as_str().unwrap().to_owned()),
        ("person_id", app.alice.session["person_id"].as_str().unwrap().to_owned()),
        ("session_id", app.alice.session["session_id"].as_str().unwrap().to_owned()),
    ]);
    victims.extend(of_jobs);
    victims
}

/// What alice has of jobs, beside her queue and its message.
async fn jobs(alice: &Client) -> BTreeMap<&'static str, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let waiting = alice.get("/v1/jobs?state=waiting").await.expect(200);
    let exchange = json!({ "name": "canary-exchange", "keep_days": 7 });
    alice.post("/v1/jobs/exchanges", &exchange).await.expect(201);
    let binding = json!({ "queue": "pull:canary-queue" });
    let binding = alice.post("/v1/jobs/exchanges/canary-exchange/bindings", &binding).await.expect(201);
    let schedule =
        json!({ "name": "canary-schedule", "cron": "@yearly", "queue": "pull:canary-queue", "payload": 1 });
    let schedule = alice.post("/v1/jobs/schedules", &schedule).await.expect(201);
    let redrive = json!({ "queue": "pull:canary-queue", "reason": "lost", "per_minute": 1 });
    let redrive = alice.post("/v1/jobs/redrives", &redrive).await.expect(201);
    let pause = json!({ "reason": "canary-reason" });
    assert_eq!(alice.post("/v1/jobs/lanes/pull:canary-queue/pause", &pause).await.status, 204);
    BTreeMap::from([
        ("job_id", text(&waiting["items"][0]["id"])),
        ("lane", "pull:canary-queue".to_owned()),
        ("exchange", "canary-exchange".to_owned()),
        ("binding_id", text(&binding["binding_id"])),
        ("schedule_id", text(&schedule["schedule_id"])),
        ("redrive_id", text(&redrive["id"])),
    ])
}

/// A recording of alice's that has ended, without the minute that making one takes.
fn recording(t: &DbTest, app: &App) -> String {
    let id = "01a1ff2a-6e51-7525-9e54-00000c0ffee0";
    let row = format!(
        "INSERT INTO stream.recordings (tenant_id, recording_id, channel_id, bucket, container, tracks, started_at,
             ended_at, reason, stored_at, file_key, file_bytes, file_version)
         SELECT '{}', '{id}', channel_id, 'canary-bucket', 'mp4', '[]', now(), now(), 'ended', now(), 'canary-key', 12,
             version_id FROM stream.channels, storage.versions LIMIT 1",
        app.alice.tenant
    );
    t.database.superuser().execute(&row);
    id.to_owned()
}

/// A body that the schema accepts, so that the route gets as far as it can.
fn sample(document: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return sample(document, document.pointer(name.trim_start_matches('#')).unwrap());
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return example.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match kind {
        "object" => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let property = |name: &Value| {
                let name = name.as_str().unwrap().to_owned();
                let value = sample(document, &schema["properties"][&name]);
                (name, value)
            };
            Value::Object(required.iter().map(property).collect())
        }
        "array" => json!([]),
        "string" if schema["format"] == "uuid" => json!(Uuid::from_u128(7)),
        "string" if schema["format"] == "date-time" => json!("2026-01-01T00:00:00Z"),
        "string" => json!("member"),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        other => panic!("no sample for {other}: {schema}"),
    }
}

/// What could stand in the place of `victim` and names nothing.
fn nobodys(victim: &str) -> String {
    match victim.parse::<i64>() {
        Ok(_number) => i64::MAX.to_string(),
        Err(_) => Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_00ff).to_string(),
    }
}

/// What of an answer may not differ: all but the request's own id and times.
fn essence(reply: &Reply) -> (u16, Value, Vec<(String, String)>) {
    let mut body = reply.json();
    if let Some(object) = body.as_object_mut() {
        object.remove("instance");
    }
    let changing = ["date", "x-request-id", "ratelimit"];
    let mut headers = reply.headers.clone();
    headers.retain(|(name, _)| !changing.contains(&name.as_str()));
    headers.sort();
    (reply.status, body, headers)
}

/// The headers that an operation must have, as its document shows them.
fn with_headers(client: &Client, operation: &Value) -> Client {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let told = parameters.iter().filter(|told| told["in"] == "header" && told["required"] == true);
    told.fold(client.clone(), |client, told| {
        let example = told["example"].as_str().map_or_else(|| told["example"].to_string(), str::to_owned);
        client.with(told["name"].as_str().unwrap(), example)
    })
}

async fn call(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Reply {
    match body {
        Some(body) => {
            let client = client.with("content-type", "application/json");
            client.send(method, path, Some(body.to_string().into())).await
        }
        None => client.send(method, path, None).await,
    }
}

#[db_test]
async fn foreign_ids_answer_like_ids_that_do_not_exist(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let mut victims = victims(&app).await;
    victims.insert("recording_id", recording(&t, &app));
    let dump = "(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM (
        SELECT r::text AS x FROM tenant.roles r UNION ALL SELECT k::text FROM tenant.api_keys k
        UNION ALL SELECT i::text FROM tenant.invitations i UNION ALL SELECT m::text FROM tenant.memberships m
        UNION ALL SELECT s::text FROM tenant.sessions s UNION ALL SELECT o::text FROM tenant.organizations o
        UNION ALL SELECT q::text FROM jobs.queues q UNION ALL SELECT r::text FROM jobs.ready r
        UNION ALL SELECT l::text FROM jobs.leases l UNION ALL SELECT d::text FROM jobs.dead d
        UNION ALL SELECT e::text FROM jobs.exchanges e UNION ALL SELECT b::text FROM jobs.bindings b
        UNION ALL SELECT s::text FROM jobs.schedules s UNION ALL SELECT r::text FROM jobs.redrives r
        UNION ALL SELECT h::text FROM jobs.holds h UNION ALL SELECT l::text FROM jobs.lanes l
        UNION ALL SELECT e::text FROM jobs.events e UNION ALL SELECT r::text FROM jobs.replays r
        UNION ALL SELECT b::text FROM storage.buckets b UNION ALL SELECT v::text FROM storage.versions v
        UNION ALL SELECT o::text FROM storage.objects o UNION ALL SELECT c::text FROM storage.contents c
        UNION ALL SELECT b::text FROM storage.blobs b UNION ALL SELECT u::text FROM storage.uploads u
        UNION ALL SELECT r::text FROM chat.rooms r
        UNION ALL SELECT m::text FROM chat.members m UNION ALL SELECT e::text FROM chat.events e
        UNION ALL SELECT s::text FROM chat.message_states s UNION ALL SELECT r::text FROM chat.reactions r
        UNION ALL SELECT c::text FROM stream.channels c UNION ALL SELECT r::text FROM stream.recordings r
        UNION ALL SELECT concat(s.session_id, s.ended_at) FROM stream.sessions s
        UNION ALL SELECT l::text FROM storage.lifecycles l) x)";
    let before = t.database.superuser().text(dump);
    let document = app.anonymous().get("/openapi.json").await.expect(200);
    let mut walked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            // What is told of a protocol is the same for every id.
            if method == "OPTIONS" {
                continue;
            }
            if OWN_ONLY.contains(&format!("{method} {path}").as_str()) || !path.contains('{') {
                continue;
            }
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let body = (!schema.is_null()).then(|| sample(&document, schema));
            let (mut foreign, mut unknown) = (path.clone(), path.clone());
            let parameters = operation["parameters"].as_array().unwrap();
            for parameter in parameters.iter().filter(|parameter| parameter["in"] == "path") {
                let name = parameter["name"].as_str().unwrap();
                let victim =
                    victims.get(name).unwrap_or_else(|| panic!("no victim for {name} of {method} {path}"));
                foreign = foreign.replace(&format!("{{{name}}}"), victim);
                unknown = unknown.replace(&format!("{{{name}}}"), &nobodys(victim));
            }
            let told = |parameter: &&Value| parameter["in"] == "query" && parameter["required"] == true;
            for (index, parameter) in parameters.iter().filter(told).enumerate() {
                let name = parameter["name"].as_str().unwrap();
                let victim = victims.get(name).unwrap_or_else(|| panic!("no {name} of {method} {path}"));
                let pair = format!("{}{name}={victim}", if index == 0 { '?' } else { '&' });
                foreign.push_str(&pair);
                unknown.push_str(&pair);
            }
            let mallory = with_headers(&app.mallory.client, operation);
            let tried = call(&mallory, &method, &foreign, body.as_ref()).await;
            let missing = call(&mallory, &method, &unknown, body.as_ref()).await;
            assert_eq!(essence(&tried), essence(&missing), "{method} {path}");
            // Without a signature nothing is looked for.
            let expected = if path.contains("/signed/") { 403 } else { 404 };
            assert_eq!(tried.status, expected, "{method} {path}: {}", tried.text);
            walked += 1;
        }
    }
    assert!(walked >= 60, "only {walked} routes take an id");
    assert_eq!(t.database.superuser().text(dump), before, "nothing of anybody's changed");
}

#[db_test]
async fn lists_and_reads_hold_nothing_foreign(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let mut victims = victims(&app).await;
    // Anybody has a part 1.
    victims.remove("number");
    let document = app.anonymous().get("/openapi.json").await.expect(200);
    let canaries: Vec<String> = victims
        .values()
        // A small number is anywhere.
        .filter(|victim| victim.parse::<i64>().is_err())
        .cloned()
        .chain([
            app.alice.tenant.to_string(),
            app.alice.slug.clone(),
            app.alice.email.clone(),
            "canary".to_owned(),
        ])
        .collect();
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("get").is_none() || path.contains('{') {
            continue;
        }
        for query in queries(&item["get"]) {
            let reply = app.mallory.client.get(&format!("{path}?{query}")).await;
            assert!(reply.status < 500, "{path}?{query}: {}", reply.text);
            for canary in &canaries {
                assert!(!reply.text.contains(canary.as_str()), "{path}?{query} holds {canary}");
            }
            let hers = app.alice.client.get(&format!("{path}?{query}&limit=1")).await;
            let Some(cursor) = hers.json()["next_cursor"].as_str().map(str::to_owned) else { continue };
            let page = app.mallory.client.get(&format!("{path}?{query}&cursor={cursor}")).await;
            for canary in &canaries {
                assert!(
                    !page.text.contains(canary.as_str()),
                    "{path}?{query} holds {canary} behind a foreign cursor"
                );
            }
        }
    }
}

/// The queries of a list that has to be told something: one for each value that it can be told.
fn queries(operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let told =
        parameters.iter().find(|parameter| parameter["required"] == true && parameter["in"] == "query");
    let Some(told) = told else { return vec![String::new()] };
    let values = told["schema"]["enum"].as_array().unwrap();
    values
        .iter()
        .map(|value| format!("{}={}", told["name"].as_str().unwrap(), value.as_str().unwrap()))
        .collect()
}

#[db_test]
async fn every_route_but_the_public_ones_asks_who_is_there(t: DbTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let document = app.anonymous().get("/openapi.json").await.expect(200);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"].as_array().is_some_and(|all| all.contains(&json!({})));
            let path = path.replace(['{', '}'], "");
            let reply = call(&app.anonymous(), &method.to_uppercase(), &path, None).await;
            assert_eq!(reply.status == 401, !open, "{method} {path}: {} {}", reply.status, reply.text);
        }
    }
}
