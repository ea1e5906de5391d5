//! How many megabytes a processor digests, encrypts and decrypts in a second of its own time.
//!
//! ```text
//! cargo run --release -p veza-storage --example throughput
//! ```
//!
//! With the name of a directory it also measures what it takes to store there, and to read again.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement may stop"
)]

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use uuid::Uuid;
use veza_core::{SystemRandom, TenantId};
use veza_storage::backend::fs::{FsBackend, FsConfig};
use veza_storage::crypt::{DataKey, Opener, Place, Sealer, Span, open_stream};
use veza_storage::digest::{Digests, Expected, check};
use veza_storage::{Backend, BlobId, BlobKey, Body};

const LEN: usize = 512 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for size in [16, 64, 256, 1024] {
        measure(&format!("AES-256-GCM alone, segments of {size} KiB"), || raw(size * 1024));
    }
    for (size, range) in [(64, 1), (1024, 1)] {
        let once = seconds(|| (0..1_000).for_each(|_| raw_open(size * 1024)));
        println!("{:<56} {:>8.1} µs", format!("a range of {range} byte, segments of {size} KiB"), once * 1e3);
    }
    measure("SHA-256, CRC32C, CRC64NVME", || digest(false));
    measure("SHA-256, CRC32C, CRC64NVME, MD5", || digest(true));
    measure("encrypt", || runtime.block_on(encrypt(false)));
    measure("digest and encrypt", || runtime.block_on(encrypt(true)));
    let key = DataKey::generate(&SystemRandom);
    let (sealed, header) = runtime.block_on(sealed(&key));
    for size in [64, 256] {
        let name = format!("decrypt, chunks of {size} KiB");
        measure(&name, || runtime.block_on(decrypt(&key, &sealed, size * 1024)));
    }
    let opener = Opener::new(&key, place(), header).unwrap();
    let once = seconds(|| (0..1_000).for_each(|at| runtime.block_on(range(&opener, &sealed, at))));
    println!("{:<56} {:>8.1} µs", "decrypt a range of 1 byte", once * 1e3);
    if let Some(directory) = std::env::args_os().nth(1) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(store(FsConfig::new(directory)));
    }
}

/// Processor time of the whole process: the kernel writes and reads as well.
async fn store(config: FsConfig) {
    let backend = FsBackend::open(config, Arc::new(SystemRandom)).await.unwrap();
    let BlobKeys { plain, sealed } = BlobKeys::new();
    let begin = ticks();
    backend.put(plain, None, body()).await.unwrap();
    told("put", begin);
    let begin = ticks();
    let sealer = Sealer::new(&DataKey::generate(&SystemRandom), place(), &SystemRandom).unwrap();
    let checked = check(body(), Expected::default(), false).0;
    backend.put(sealed, None, sealer.seal(checked)).await.unwrap();
    told("digest, encrypt and put", begin);
    let begin = ticks();
    drain(backend.get(plain, None).await.unwrap().body).await;
    told("get", begin);
    backend.delete_many(&[plain, sealed]).await.unwrap();
}

struct BlobKeys {
    plain: BlobKey,
    sealed: BlobKey,
}

impl BlobKeys {
    fn new() -> Self {
        let key = || {
            let id = || Uuid::from_bytes(veza_core::bytes::<16>(&SystemRandom));
            BlobKey::new(TenantId::from_verified(id()), BlobId::from_uuid(id()))
        };
        Self { plain: key(), sealed: key() }
    }
}

/// Hundredths of a second that all threads took.
fn ticks() -> u32 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = text.rsplit(") ").next().unwrap().split_whitespace();
    fields.skip(11).take(2).map(|field| field.parse::<u32>().unwrap()).sum()
}

fn told(what: &str, begin: u32) {
    let seconds = f64::from(ticks() - begin) / 100.0;
    println!("{what:<56} {:>8.0} MB/s", 1e-6 * f64::from(u32::try_from(LEN).unwrap()) / seconds);
}

/// Processor time of this thread.
fn seconds(work: impl FnOnce()) -> f64 {
    let now = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let begin = now();
    work();
    now() - begin
}

fn measure(what: &str, mut work: impl FnMut()) {
    let best = (0..3).map(|_| seconds(&mut work)).fold(f64::INFINITY, f64::min);
    println!("{what:<56} {:>8.0} MB/s", 1e-6 * f64::from(u32::try_from(LEN).unwrap()) / best);
}

fn place() -> Place {
    let tenant = TenantId::from_verified(Uuid::from_u128(1));
    Place::whole(BlobKey::new(tenant, BlobId::from_uuid(Uuid::from_u128(2))))
}

fn body() -> Body {
    let chunk = Bytes::from(vec![7; CHUNK]);
    Box::pin(stream::iter((0..LEN / CHUNK).map(move |_| Ok(chunk.clone()))))
}

fn aes() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap())
}

fn nonce(segment: usize) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&segment.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// Chunks are gathered into segments, as they are in a stream.
fn raw(size: usize) {
    let (key, chunk) = (aes(), vec![7; CHUNK.min(size)]);
    for segment in 0..LEN / size {
        let mut bytes = Vec::with_capacity(size + 16);
        for _ in 0..size / chunk.len() {
            bytes.extend_from_slice(&chunk);
        }
        let tag = key.seal_in_place_separate_tag(nonce(segment), Aad::empty(), &mut bytes).unwrap();
        bytes.extend_from_slice(tag.as_ref());
        std::hint::black_box(bytes);
    }
}

fn raw_open(size: usize) {
    let mut bytes = vec![7; size];
    let opened = aes().open_in_place(nonce(1), Aad::empty(), &mut bytes).is_ok();
    assert!(!std::hint::black_box(opened));
}

fn digest(with_md5: bool) {
    let (mut digests, chunk) = (Digests::new(with_md5), vec![7; CHUNK]);
    for _ in 0..LEN / CHUNK {
        digests.update(&chunk);
    }
    std::hint::black_box(digests.finish());
}

async fn encrypt(with_digests: bool) {
    let sealer = Sealer::new(&DataKey::generate(&SystemRandom), place(), &SystemRandom).unwrap();
    let body = if with_digests { check(body(), Expected::default(), false).0 } else { body() };
    drain(sealer.seal(body)).await;
}

async fn sealed(key: &DataKey) -> (Bytes, veza_storage::crypt::Header) {
    let sealer = Sealer::new(key, place(), &SystemRandom).unwrap();
    let header = sealer.header();
    let sealed = sealer.seal(body()).try_collect::<Vec<_>>().await.unwrap().concat();
    (sealed.into(), header)
}

async fn decrypt(key: &DataKey, sealed: &Bytes, size: usize) {
    let sealed = sealed.clone();
    let chunks = (0..sealed.len().div_ceil(size))
        .map(move |at| Ok(sealed.slice(at * size..sealed.len().min((at + 1) * size))));
    drain(open_stream(key, place(), Box::pin(stream::iter(chunks))).await.unwrap()).await;
}

async fn range(opener: &Opener, sealed: &Bytes, at: u64) {
    let len = u64::try_from(LEN).unwrap();
    let at = at * 500_000;
    let span = Span::new(at..at + 1, len).unwrap();
    let begin = usize::try_from(span.sealed.start).unwrap();
    let end = usize::try_from(span.sealed.end).unwrap();
    let bytes = sealed.slice(begin..end);
    drain(opener.open(&span, Box::pin(stream::iter([Ok(bytes)])))).await;
}

async fn drain(mut body: Body) {
    while let Some(chunk) = body.try_next().await.unwrap() {
        std::hint::black_box(chunk);
    }
}
