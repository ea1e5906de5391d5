//! Lists of objects.

use serde_json::json;
use veza_testing::{TenantTest, tenant_test};

use super::{BUCKETS, builder, files, names, stored};

#[tenant_test]
async fn objects_and_prefixes_are_listed_page_by_page(t: TenantTest) {
    let app = builder(&t.database).await.start().await;
    let alice = &app.alice.client;
    files(alice, json!({})).await;
    for key in ["a", "docs/1", "docs/2", "docs/old/1", "e"] {
        stored(alice, key, key).await;
    }
    let list = format!("{BUCKETS}/files/objects");
    let all = alice.get(&list).await.expect(200);
    assert_eq!(names(&all), ["a", "docs/1", "docs/2", "docs/old/1", "e"]);
    assert_eq!(all["items"][0]["type"], "object");
    let top = alice.get(&format!("{list}?delimiter=/")).await.expect(200);
    assert_eq!(names(&top), ["a", "docs/", "e"]);
    let below = alice.get(&format!("{list}?delimiter=/&prefix=docs/")).await.expect(200);
    assert_eq!(names(&below), ["docs/1", "docs/2", "docs/old/"]);
    let first = alice.get(&format!("{list}?delimiter=/&limit=2")).await;
    assert_eq!(names(&first.expect(200)), ["a", "docs/"]);
    let link = first.header("link").unwrap();
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    let last = alice.get(next).await.expect(200);
    assert_eq!(names(&last), ["e"]);
    assert_eq!(last.get("next_cursor"), None);
    alice.get(&format!("{list}?delimiter=")).await.expect_problem(400, "storage.input.invalid");
    alice.get(&format!("{list}?order=x")).await.expect_problem(400, "web.query.invalid");
}
