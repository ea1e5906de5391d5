//! Encrypted blobs in a bucket.

use veza_core::SystemRandom;
use veza_storage::backend::ByteRange;
use veza_storage::body;
use veza_storage::crypt::{DataKey, Place, SEGMENT, SealedBlob, Sealer, sealed_len};

use crate::conformance::bodies::pattern;
use crate::conformance::stage::collect;
use crate::stage::loopback;

#[tokio::test]
async fn an_encrypted_blob_comes_back_in_ranges() {
    let stage = loopback().await;
    let (key, data_key, plain) = (stage.key(), DataKey::generate(&SystemRandom), pattern(5 * SEGMENT, 58));
    let sealer = Sealer::new(&data_key, Place::whole(key), &SystemRandom).unwrap();
    let blob = SealedBlob::new(sealer.header(), plain.len().try_into().unwrap());
    let len = sealed_len(plain.len().try_into().unwrap()).unwrap();
    stage.backend.put(key, Some(len), sealer.seal(body::full(plain.clone()))).await.unwrap();
    for (start, end) in
        [(0, plain.len()), (0, 1), (SEGMENT - 60, SEGMENT + 60), (plain.len() - 1, plain.len())]
    {
        let range = ByteRange { start: start.try_into().unwrap(), end: Some(end.try_into().unwrap()) };
        let download = blob.get(&*stage.backend, key, &data_key, Some(range)).await.unwrap();
        assert!(collect(download).await.unwrap() == plain[start..end]);
    }
}
