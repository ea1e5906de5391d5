//! Encrypted blobs in a backend.

use proptest::prelude::*;
use veza_core::{SystemRandom, TenantId};
use veza_storage::backend::ByteRange;
use veza_storage::crypt::{DataKey, Place, SEGMENT, SealedBlob, Sealer, TenantKey, TenantKeyId, sealed_len};
use veza_storage::digest::{Expected, check};
use veza_storage::{BlobKey, Error, body};

use crate::conformance::bodies::pattern;
use crate::conformance::stage::{Stage, collect};
use crate::fs::{Directory, stage};

struct Sealed {
    stage: Stage,
    key: BlobKey,
    data_key: DataKey,
    blob: SealedBlob,
    plain: Vec<u8>,
}

/// A blob that was put as a whole: digested, encrypted and stored in one pass.
async fn whole(len: usize) -> Sealed {
    let stage = stage::anonymous().await;
    let (key, data_key, plain) = (stage.key(), DataKey::generate(&SystemRandom), pattern(len, 30));
    let sealer = Sealer::new(&data_key, Place::whole(key), &SystemRandom).unwrap();
    let header = sealer.header();
    let (body, receipt) = check(body::full(plain.clone()), Expected::default(), false);
    let stored = stage.backend.put(key, None, sealer.seal(body)).await.unwrap();
    let len = receipt.sums().unwrap().len;
    assert_eq!(stored.len, sealed_len(len).unwrap());
    Sealed { stage, key, data_key, blob: SealedBlob::new(header, len), plain }
}

impl Sealed {
    async fn read(&self, range: Option<ByteRange>) -> Result<Vec<u8>, Error> {
        collect(self.blob.get(&*self.stage.backend, self.key, &self.data_key, range).await?).await
    }
}

#[tokio::test]
async fn an_encrypted_blob_comes_back() {
    for len in [0, 1, SEGMENT, 3 * SEGMENT + 5] {
        let sealed = whole(len).await;
        assert!(sealed.read(None).await.unwrap() == sealed.plain);
        let stored = sealed.stage.read(sealed.key).await;
        let sample = &sealed.plain[..len.min(16)];
        assert!(len < 16 || !stored.windows(16).any(|window| window == sample), "it is encrypted");
    }
}

#[test]
fn any_range_of_an_encrypted_blob_comes_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sealed = [runtime.block_on(whole(3 * SEGMENT + 5)), runtime.block_on(whole(SEGMENT - 56))];
    for sealed in &sealed {
        let len = sealed.plain.len();
        let ranges = (0..len + 10, 0..len + 10, any::<bool>());
        let mut runner = proptest::test_runner::TestRunner::default();
        let property = |(start, end, open): (usize, usize, bool)| {
            let range =
                ByteRange { start: start.try_into().unwrap(), end: (!open).then(|| end.try_into().unwrap()) };
            let end = if open { len } else { end.min(len) };
            match runtime.block_on(sealed.read(Some(range))) {
                Ok(bytes) => prop_assert!(bytes == sealed.plain[start..end]),
                Err(Error::RangeUnsatisfiable { len: told }) => {
                    prop_assert_eq!(told, u64::try_from(len).unwrap());
                    prop_assert!(start >= end);
                }
                Err(error) => panic!("{error:?}"),
            }
            Ok(())
        };
        runner.run(&ranges, property).unwrap();
    }
}

#[tokio::test]
async fn damage_in_the_backend_is_an_error() {
    let sealed = whole(3 * SEGMENT + 5).await;
    let path = sealed.stage.keep::<Directory>().path_of(sealed.key);
    let bytes = std::fs::read(&path).unwrap();
    let first = ByteRange { start: 0, end: Some(1) };
    for (damaged, what) in [
        (bytes[..bytes.len() - 1].to_vec(), "cut"),
        (bytes[..2 * SEGMENT].to_vec(), "cut between segments"),
        ([&bytes[..], b"x"].concat(), "appended"),
        (Vec::new(), "emptied"),
    ] {
        std::fs::write(&path, damaged).unwrap();
        // Also where the range does not touch the damage: a length is cheap to compare.
        for range in [None, Some(first)] {
            let answer = sealed.read(range).await;
            assert!(matches!(answer, Err(Error::Corrupt(_))), "{what}: {:?}", answer.err());
        }
    }
    let swapped: Vec<u8> =
        [1, 0, 2, 3].iter().flat_map(|at| bytes.chunks(SEGMENT).nth(*at).unwrap().to_vec()).collect();
    std::fs::write(&path, swapped).unwrap();
    assert!(matches!(sealed.read(None).await, Err(Error::Corrupt(_))));
    std::fs::write(&path, &bytes).unwrap();
    assert!(sealed.read(None).await.unwrap() == sealed.plain);
}

/// The keys of two tenants, and a blob whose bytes Mallory copied to a place of her own.
#[tokio::test]
async fn nobody_reads_with_another_tenants_key() {
    let sealed = whole(1_000).await;
    let stage = &sealed.stage;
    let mallory = stage.other_tenant();
    let key_of = |tenant: TenantId| {
        TenantKey::generate(tenant, TenantKeyId::from_uuid(stage.key().blob().as_uuid()), &SystemRandom)
    };
    let (alices, mallorys) = (key_of(stage.tenant), key_of(mallory));
    let wrapped = alices.wrap(sealed.key, &sealed.data_key, &SystemRandom).unwrap();
    let stolen = BlobKey::new(mallory, sealed.key.blob());
    stage.put(stolen, &stage.read(sealed.key).await).await;
    for (key, place) in [(&mallorys, stolen), (&mallorys, sealed.key), (&alices, stolen)] {
        assert!(matches!(key.unwrap(place, &wrapped), Err(Error::Crypto(_))));
    }
    // Even with the right data key the bytes open at their own place alone.
    let data_key = alices.unwrap(sealed.key, &wrapped).unwrap();
    let download = sealed.blob.get(&*stage.backend, stolen, &data_key, None).await.unwrap();
    assert!(matches!(collect(download).await, Err(Error::Corrupt(_))));
    stage.backend.delete_many(&[stolen]).await.unwrap();
}
