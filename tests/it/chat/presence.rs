//! Who is there, asked over HTTP.

use serde_json::json;
use uuid::Uuid;
use veza_testing::{AppBuilder, TenantTest, tenant_test};

use super::peer::Peer;

const PRESENCE: &str = "/v1/chat/presence";

#[tenant_test]
async fn who_is_connected_is_there_for_their_own_organisation(t: TenantTest) {
    let app = AppBuilder::new(&t.database).start().await;
    let (alice, mallory) = (&app.alice.client, &app.mallory.client);
    let me = app.alice.session["person_id"].as_str().unwrap();
    let nobody = Uuid::from_u128(0x88).to_string();
    let path = format!("{PRESENCE}?members={nobody},{me}");
    let items = alice.get(&path).await.expect(200)["items"].clone();
    assert_eq!(items[1], json!({ "member": me, "online": false }));
    let _peer = Peer::enter(&app, app.alice.session["access_token"].as_str().unwrap());
    let items = alice.get(&path).await.expect(200)["items"].clone();
    assert_eq!(items[0], json!({ "member": nobody, "online": false }));
    assert_eq!((&items[1]["member"], &items[1]["online"]), (&json!(me), &json!(true)));
    assert!(items[1]["last_seen"].is_string());
    // Another organisation learns nothing by the same id.
    let theirs = mallory.get(&path).await.expect(200)["items"].clone();
    assert_eq!(theirs[1], json!({ "member": me, "online": false }));
    assert_eq!(alice.get(PRESENCE).await.expect(200)["items"], json!([]));
    let many = vec![nobody.as_str(); 201].join(",");
    for odd in ["x", &format!("{me};{me}"), &many] {
        let refused = alice.get(&format!("{PRESENCE}?members={odd}")).await;
        assert_eq!(refused.expect_problem(400, "chat.invalid")["errors"][0]["field"], "members");
    }
}
