//! Services to run the tests on.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::FutureExt;
use veza_core::config::Secret;
use veza_core::{SystemRandom, Tasks};
use veza_storage::backend::s3::{S3Backend, S3Config};
use veza_testing_s3::S3Server;

use crate::conformance::stage::Stage;

pub(crate) async fn server() -> S3Server {
    S3Server::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await.unwrap()
}

pub(crate) async fn tls_server() -> S3Server {
    S3Server::start_tls(Path::new(env!("CARGO_TARGET_TMPDIR"))).await.unwrap()
}

/// A backend, and the tasks that it starts.
pub(crate) async fn open(config: S3Config) -> (S3Backend, Tasks) {
    let tasks = Tasks::new();
    (S3Backend::open(config, tasks.clone(), Arc::new(SystemRandom)).await.unwrap(), tasks)
}

pub(crate) async fn stage(config: S3Config, keep: impl Any + Send + Sync) -> Stage {
    let border = config.part_size;
    let (backend, tasks) = open(config).await;
    let settle = move || {
        let tasks = tasks.clone();
        async move { assert!(tasks.stop(Duration::from_mins(1)).await) }.boxed()
    };
    Stage::new(Arc::new(backend), border, Box::new(settle), Box::new(keep))
}

pub(crate) async fn loopback() -> Stage {
    let server = server().await;
    let stage = stage(server.config(), server).await;
    assert!(stage.backend.caps().exclusive_put);
    stage
}

pub(crate) async fn tls() -> Stage {
    let server = tls_server().await;
    stage(server.config(), server).await
}

pub(crate) async fn replacing() -> Stage {
    let server = server().await;
    server.faults().ignore_conditions();
    server.faults().delete_one_by_one();
    let stage = stage(server.config(), server).await;
    assert!(!stage.backend.caps().exclusive_put);
    stage
}

pub(crate) async fn half() -> Stage {
    let server = server().await;
    server.faults().ignore_conditions_of_uploads();
    let stage = stage(server.config(), server).await;
    assert!(!stage.backend.caps().exclusive_put);
    stage
}

pub(crate) async fn external() -> Option<Stage> {
    static SAID: Once = Once::new();
    let Some(endpoint) = variable("ENDPOINT") else {
        SAID.call_once(|| eprintln!("not run on another service: VEZA_TEST_S3_ENDPOINT is not set"));
        return None;
    };
    let of = |name| variable(name).unwrap_or_else(|| panic!("VEZA_TEST_S3_{name} is not set"));
    let region = variable("REGION").unwrap_or_else(|| "us-east-1".to_owned());
    let secret = Secret::new(of("SECRET_ACCESS_KEY"));
    let config = S3Config::new(region, of("BUCKET"), of("ACCESS_KEY_ID"), secret).with_endpoint(endpoint);
    let (part_size, ca_file) = (5 * 1024 * 1024, variable("CA_FILE").map(Into::into));
    Some(stage(S3Config { part_size, ca_file, prefix: "veza-test/".to_owned(), ..config }, ()).await)
}

#[allow(clippy::disallowed_methods, reason = "where a service is, only who starts the tests can say")]
fn variable(name: &str) -> Option<String> {
    std::env::var(format!("VEZA_TEST_S3_{name}")).ok()
}
