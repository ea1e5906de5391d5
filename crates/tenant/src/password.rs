//! Passwords: argon2id on a few threads of their own, behind a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use veza_core::{Random, bytes};

use crate::config::TenantConfig;
use crate::error::Error;

/// Hashes and verifies passwords. A hash takes tens of milliseconds of a core, so only so many run
/// at once; a crowd at the door does not take the whole machine.
#[derive(Clone)]
pub(crate) struct Passwords {
    inner: Arc<Inner>,
}

struct Inner {
    argon: Argon2<'static>,
    running: Semaphore,
    waiting: AtomicUsize,
    max_waiting: usize,
    /// Verified against when there is no person, so that the answer takes as long.
    decoy: String,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

/// Leaves the queue even when the request is cancelled.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Passwords {
    pub(crate) fn new(config: &TenantConfig, random: &dyn Random) -> Result<Self, Error> {
        let params = Params::new(config.password_memory_kib, config.password_passes, 1, None).map_err(
            |_out_of_range| Error::Crypto("tenant.password_memory_kib or password_passes is out of range"),
        )?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash(&argon, b"nobody has this password", random)?;
        let permits = usize::try_from(config.password_threads.max(1)).unwrap_or(1);
        Ok(Self {
            inner: Arc::new(Inner {
                argon,
                running: Semaphore::new(permits),
                waiting: AtomicUsize::new(0),
                max_waiting: config.password_queue,
                decoy,
            }),
        })
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: &str, random: &Arc<dyn Random>) -> Result<String, Error> {
        let (password, random) = (password.to_owned(), Arc::clone(random));
        self.run(move |inner| hash(&inner.argon, password.as_bytes(), &*random)).await
    }

    /// Whether `password` is the one behind `hash`. Takes as long without a hash as with one.
    pub(crate) async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, Error> {
        let password = password.to_owned();
        self.run(move |inner| {
            let known = hash.is_some();
            let text = hash.unwrap_or_else(|| inner.decoy.clone());
            let parsed =
                PasswordHash::new(&text).map_err(|_malformed| Error::Crypto("a stored hash is malformed"))?;
            Ok(inner.argon.verify_password(password.as_bytes(), &parsed).is_ok() && known)
        })
        .await
    }

    /// Whether `hash` was made with other parameters than those in force.
    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        let params = self.inner.argon.params();
        let current = format!("m={},t={},p={}", params.m_cost(), params.t_cost(), params.p_cost());
        !hash.contains(&current)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if self.inner.waiting.fetch_add(1, Ordering::Relaxed) >= self.inner.max_waiting {
            self.inner.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        let place = Place(&self.inner.waiting);
        let permit = self.inner.running.acquire().await.map_err(|_closed| Error::Busy)?;
        drop(place);
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        drop(permit);
        done.map_err(|_panicked| Error::Crypto("hashing panicked"))?
    }
}

fn hash(argon: &Argon2<'static>, password: &[u8], random: &dyn Random) -> Result<String, Error> {
    let salt = bytes::<16>(random);
    argon
        .hash_password_with_salt(password, &salt)
        .map(|hash| hash.to_string())
        .map_err(|_unspecified| Error::Crypto("hashing failed"))
}
