//! Long histories: whatever is done to a backend, it is what a map would be.

use std::collections::BTreeMap;

use veza_storage::backend::ByteRange;
use veza_storage::{BlobKey, Error};

use super::bodies::{breaking, chunked, pattern};
use super::stage::Stage;

const STEPS: u64 = 250;
const KEYS: u64 = 6;

/// A backend, and what it should be.
struct Pair<'a> {
    stage: &'a Stage,
    keys: Vec<BlobKey>,
    model: BTreeMap<BlobKey, Vec<u8>>,
    state: u64,
}

pub(crate) async fn any_history_is_that_of_a_map(stage: &Stage) {
    let seed = stage.key().blob().as_uuid().as_u64_pair().1;
    println!("seed {seed}");
    let keys = (0..KEYS).map(|_| stage.key()).collect();
    let mut pair = Pair { stage, keys, model: BTreeMap::new(), state: seed | 1 };
    for step in 0..STEPS {
        pair.step(step).await;
    }
    let listed = stage.backend.list(Some(stage.tenant), None, 1_000).await.unwrap();
    let expected: Vec<_> = pair.model.iter().map(|(key, bytes)| (*key, size(bytes))).collect();
    assert_eq!(listed.iter().map(|listed| (listed.key, listed.len)).collect::<Vec<_>>(), expected);
    for key in pair.keys {
        stage.assert_uploads(key, 0).await;
    }
}

fn size(bytes: &[u8]) -> u64 {
    bytes.len().try_into().unwrap()
}

impl Pair<'_> {
    /// A number below `bound`.
    fn random(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % bound
    }

    fn key(&mut self) -> BlobKey {
        let at = self.random(KEYS);
        self.keys[usize::try_from(at).unwrap()]
    }

    /// Mostly small ones, sometimes one of several steps.
    fn bytes(&mut self) -> Vec<u8> {
        let border = u64::try_from(self.stage.border).unwrap();
        let bound = if self.random(6) == 0 { 3 * border } else { 1_000 };
        let len = self.random(bound);
        pattern(len.try_into().unwrap(), self.state)
    }

    async fn step(&mut self, step: u64) {
        match self.random(6) {
            0 | 1 => self.put().await,
            2 => self.broken().await,
            3 => self.delete().await,
            4 => self.read().await,
            _ => self.read_range().await,
        }
        let key = self.key();
        let there = self.stage.backend.head(key).await.ok().map(|stored| stored.len);
        let expected = self.model.get(&key).map(|bytes| size(bytes));
        assert_eq!(there, expected, "step {step}");
    }

    /// What a write of a key must answer, and what the key has from then on.
    fn written(&mut self, key: BlobKey, bytes: Vec<u8>, error: Option<&Error>) {
        if self.stage.backend.caps().exclusive_put && self.model.contains_key(&key) {
            assert!(matches!(error, Some(Error::Exists)), "{error:?}");
        } else {
            assert!(error.is_none(), "{error:?}");
            self.model.insert(key, bytes);
        }
    }

    async fn put(&mut self) {
        let (key, bytes) = (self.key(), self.bytes());
        let len = (self.random(2) == 0).then_some(size(&bytes));
        let answer = self.stage.backend.put(key, len, chunked(&bytes, 9_000)).await;
        self.written(key, bytes, answer.err().as_ref());
    }

    async fn broken(&mut self) {
        let (key, bytes) = (self.key(), self.bytes());
        assert!(self.stage.backend.put(key, None, breaking(&bytes)).await.is_err());
    }

    async fn delete(&mut self) {
        let keys = [self.key(), self.key()];
        self.stage.backend.delete_many(&keys).await.unwrap();
        for key in keys {
            self.model.remove(&key);
        }
    }

    async fn read(&mut self) {
        let key = self.key();
        match self.model.get(&key) {
            Some(bytes) => assert!(self.stage.read(key).await == *bytes),
            None => self.stage.assert_absent(key).await,
        }
    }

    async fn read_range(&mut self) {
        let key = self.key();
        let Some(bytes) = self.model.get(&key).cloned().filter(|bytes| !bytes.is_empty()) else { return };
        let start = self.random(size(&bytes));
        let end = start + 1 + self.random(size(&bytes));
        let read = self.stage.read_range(key, Some(ByteRange { start, end: Some(end) })).await;
        let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
        assert!(read == bytes[start..end.min(bytes.len())]);
    }
}
