//! The worker in the guide, run as it stands there.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use veza_testing::{AppBuilder, DbTest, TestDirectory, db_test};

use super::{eventually, numbers, queue, send};

const GUIDE: &str = include_str!("../../../docs/guides/pull-workers.md");
/// Debian's own.
const PYTHON: &str = "/usr/bin/python3";

/// A program that ends with its test.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _already_gone = self.0.wait();
    }
}

/// The only block of Python in the guide.
fn example() -> &'static str {
    let mut blocks = GUIDE.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let block = blocks.next().unwrap();
    assert!(blocks.next().is_none(), "one program, so that it can be run");
    block
}

#[db_test]
async fn the_worker_of_the_guide_does_its_work(t: DbTest) {
    assert!(Path::new(PYTHON).is_file(), "this test needs Python: apt-get install python3");
    let app = AppBuilder::new(&t.database).start().await;
    let alice = &app.alice.client;
    queue(alice, "thumbnails", json!({ "max_receives": 3 })).await;
    let key = json!({ "name": "worker", "scopes": ["jobs.messages.receive"] });
    let key = alice.post("/v1/tenant/api-keys", &key).await.expect(201);
    let directory = TestDirectory::new();
    let (program, output) = (directory.path().join("worker.py"), directory.path().join("output"));
    std::fs::write(&program, example()).unwrap();
    let file = std::fs::File::create(&output).unwrap();
    let child = Command::new(PYTHON)
        .arg("-u")
        .arg(&program)
        .env("VEZA_URL", &app.base)
        .env("VEZA_API_KEY", key["secret"].as_str().unwrap())
        .env("VEZA_QUEUE", "thumbnails")
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let worker = Worker(child);
    for image in ["a.png", "b.png"] {
        send(alice, "thumbnails", json!({ "image": image })).await;
    }
    send(alice, "thumbnails", json!({ "picture": "of the wrong form" })).await;
    let said = || std::fs::read_to_string(&output).unwrap();
    let done = async || numbers(alice, "thumbnails").await == [0, 0, 0, 1];
    eventually("two are done and one is dead", done).await;
    eventually("it tells", async || said().contains("a.png") && said().contains("b.png")).await;
    drop(worker);
    let dead = format!("SELECT reason FROM jobs.dead WHERE tenant_id = '{}'", app.alice.tenant);
    assert_eq!(t.database.superuser().text(&dead).unwrap(), "rejected", "{}", said());
}
