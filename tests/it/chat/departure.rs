//! Who is removed from the organisation leaves its rooms.

use serde_json::{Value, json};
use veza::Platform;
use veza_testing::{AppBuilder, DbTest, db_test};

use super::peer::Peer;
use super::{ROOMS, id, room};

#[db_test]
async fn who_is_removed_from_the_organisation_leaves_its_rooms(t: DbTest) {
    let app = AppBuilder::new(&t.database).runtime(Platform::runtime).start().await;
    let alice = &app.alice.client;
    let (bob, session) = app.join("bob@example.org", "member").await;
    let person = session["person_id"].as_str().unwrap();
    // One where he is a member, one that is his, and one between the two of them.
    let hers = room(alice, "private").await;
    alice.post(&format!("{hers}/members"), &json!({ "member": person })).await.expect(200);
    let his = room(&bob, "public").await;
    alice.post(&format!("{his}/join"), &json!({})).await.expect(200);
    let both = bob.post("/v1/chat/direct-rooms", &json!({ "member": app.alice.session["person_id"] })).await;
    let both = format!("{ROOMS}/{}", both.expect(201)["id"].as_str().unwrap());
    let mut peer = Peer::enter(&app, app.alice.session["access_token"].as_str().unwrap());
    for room in [&hers, &his] {
        peer.ask(json!({ "method": "subscribe", "room": id(room) }));
    }
    // Nor does a queue keep him in that takes no event.
    alice.post("/v1/jobs/exchanges", &json!({ "name": "tenant" })).await.expect(201);
    let narrow = json!({ "name": "narrow", "max_message_bytes": 1 });
    alice.post("/v1/jobs/queues", &narrow).await.expect(201);
    let binding = json!({ "queue": "pull:narrow", "pattern": "#" });
    alice.post("/v1/jobs/exchanges/tenant/bindings", &binding).await.expect(201);
    assert_eq!(alice.delete(&format!("/v1/tenant/members/{person}")).await.status, 204);
    let (mut left, mut appointed) = (Vec::new(), None);
    while left.len() < 2 || appointed.is_none() {
        let push = peer.push();
        match push["kind"].as_str() {
            Some("leave") => {
                assert_eq!(push["body"], json!({ "member": person }), "{push}");
                left.push(push["room"].as_str().unwrap().to_owned());
            }
            Some("role") => appointed = Some(push),
            _ => panic!("{push}"),
        }
    }
    left.sort();
    let mut expected = [id(&hers).to_owned(), id(&his).to_owned()];
    expected.sort();
    assert_eq!(left, expected);
    // His own room has an owner still.
    let me = &app.alice.session["person_id"];
    assert_eq!(appointed.unwrap()["body"], json!({ "member": me, "role": "owner" }));
    let members = |list: Value| list["items"].as_array().unwrap().len();
    assert_eq!(members(alice.get(&format!("{hers}/members")).await.expect(200)), 1);
    assert_eq!(members(alice.get(&format!("{his}/members")).await.expect(200)), 1);
    assert_eq!(members(alice.get(&format!("{both}/members")).await.expect(200)), 2);
}
