//! Objects that are moved to another storage class.

use veza_storage::Error;
use veza_storage::backend::Tier;
use veza_storage::backend::s3::S3Config;
use veza_testing_s3::S3Server;

use crate::conformance::bodies::pattern;
use crate::stage::{loopback, server, stage};

#[tokio::test]
async fn objects_move_to_the_cold_class_and_back_and_stay_what_they_are() {
    let server = server().await;
    let (max_copy, cold_class) = (100_000, Some("STANDARD_IA".to_owned()));
    let stage = stage(S3Config { max_copy, cold_class, ..server.config() }, server).await;
    assert!(stage.backend.caps().tiers);
    for size in [0, 99_999, 100_000, 100_001, 250_000] {
        let (key, bytes) = (stage.key(), pattern(size, 54));
        stage.put(key, &bytes).await;
        let class = || stage.keep::<S3Server>().class_of(&key.to_string());
        assert_eq!(class(), None);
        for (tier, expected) in
            [(Tier::Cold, "STANDARD_IA"), (Tier::Cold, "STANDARD_IA"), (Tier::Hot, "STANDARD")]
        {
            stage.backend.set_tier(key, tier).await.unwrap();
            assert_eq!(class().as_deref(), Some(expected), "{size} bytes");
            assert!(stage.read(key).await == bytes);
        }
        stage.assert_uploads(key, 0).await;
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_moved_and_without_a_class_nothing_is() {
    let server = server().await;
    let config = S3Config { cold_class: Some("GLACIER_IR".to_owned()), ..server.config() };
    let stage = stage(config, server).await;
    let answer = stage.backend.set_tier(stage.key(), Tier::Cold).await;
    assert!(matches!(answer, Err(Error::NotFound)), "{answer:?}");
    let without = loopback().await;
    let answer = without.backend.set_tier(without.small().await, Tier::Cold).await;
    assert!(matches!(answer, Err(Error::Unsupported(_))), "{answer:?}");
    assert!(!without.backend.caps().tiers);
}
