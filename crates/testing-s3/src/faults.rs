//! What goes wrong on request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A request that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Request {
    /// `PutObject`.
    Put,
    /// `GetObject`.
    Get,
    /// `CompleteMultipartUpload`.
    Complete,
    /// `UploadPart`.
    Part,
    /// `AbortMultipartUpload`.
    Abort,
    /// `DeleteObjects`.
    DeleteMany,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The server has no time and does nothing: 503.
    Busy,
    /// The server does what it is asked for, and answers 500.
    Lost,
    /// The body of the answer breaks off behind so many bytes.
    Cut(usize),
    /// The server has no space: `QuotaExceeded`.
    Full,
}

/// The faults of a server, and what it was asked for.
#[derive(Debug, Default)]
pub struct Faults {
    coming: Mutex<BTreeMap<Request, VecDeque<Fault>>>,
    asked: Mutex<BTreeMap<Request, usize>>,
    checksums: AtomicUsize,
    replaces: AtomicBool,
    uploads_replace: AtomicBool,
    one_by_one: AtomicBool,
}

impl Faults {
    /// The next request of that kind has this fault, behind those that were added before.
    pub fn add(&self, request: Request, fault: Fault) {
        lock(&self.coming).entry(request).or_default().push_back(fault);
    }

    /// From now on a condition of a write means nothing, as with some services.
    pub fn ignore_conditions(&self) {
        self.replaces.store(true, Ordering::Relaxed);
    }

    /// From now on only the condition of a put means something, as with Ceph 16.
    pub fn ignore_conditions_of_uploads(&self) {
        self.uploads_replace.store(true, Ordering::Relaxed);
    }

    /// From now on `DeleteObjects` is not implemented, as with some services.
    pub fn delete_one_by_one(&self) {
        self.one_by_one.store(true, Ordering::Relaxed);
    }

    /// How many requests of that kind there were.
    pub fn asked(&self, request: Request) -> usize {
        lock(&self.asked).get(&request).copied().unwrap_or_default()
    }

    /// How many bodies came with a checksum, ahead of them or behind.
    pub fn checksums(&self) -> usize {
        self.checksums.load(Ordering::Relaxed)
    }

    pub(crate) fn count_checksum(&self, mut headers: impl Iterator<Item = impl AsRef<str>>) {
        let with = |name: &str| name == "x-amz-trailer" || name.starts_with("x-amz-checksum-");
        if headers.any(|name| with(name.as_ref())) {
            self.checksums.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn next(&self, request: Request) -> Option<Fault> {
        *lock(&self.asked).entry(request).or_default() += 1;
        lock(&self.coming).get_mut(&request)?.pop_front()
    }

    pub(crate) fn ignores_conditions(&self) -> bool {
        self.replaces.load(Ordering::Relaxed)
    }

    pub(crate) fn ignores_conditions_of_uploads(&self) -> bool {
        self.uploads_replace.load(Ordering::Relaxed)
    }

    pub(crate) fn deletes_one_by_one(&self) -> bool {
        self.one_by_one.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
