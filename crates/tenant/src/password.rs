//! Passwords: argon2id on a few threads of their own, behind a bounded queue.
//!
//! A hash takes tens of milliseconds of a core and megabytes of memory. Threads of our own keep both
//! within bounds: each takes memory that was used before, and all of it is given back when nobody signs in.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Decimal, Ident, Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::oneshot;
use veza_core::{Random, bytes};

use crate::config::TenantConfig;
use crate::error::Error;

/// Hashes and verifies passwords. A crowd at the door does not take the whole machine. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Passwords {
    queue: SyncSender<Box<dyn Job>>,
    params: Params,
    /// Verified against when there is no person, so that the answer takes as long.
    decoy: Arc<str>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

/// What one hash is computed in.
type Memory = Vec<Block>;

/// Memory that no thread computes in.
type Shelf = Mutex<Vec<Memory>>;

/// Something to do in memory.
trait Job: Send {
    fn run(self: Box<Self>, memory: &mut Memory);
}

/// A computation and who waits for it.
struct Task<T, F> {
    compute: F,
    answer: oneshot::Sender<T>,
}

impl<T: Send, F: FnOnce(&mut Memory) -> T + Send> Job for Task<T, F> {
    fn run(self: Box<Self>, memory: &mut Memory) {
        // Nobody is hashed for who has gone away.
        if !self.answer.is_closed() {
            let _unheard = self.answer.send((self.compute)(memory));
        }
    }
}

/// When nobody signed in for this long, memory is given back.
const IDLE: Duration = Duration::from_secs(10);
/// Blocks that memory has room for at least, of 1 KiB each. More than 32 MiB glibc maps alone, and gives back to
/// the system when it is freed; less stays with the process, and moves the bound at which it maps. Room that is
/// not used costs nothing.
const ALONE: usize = 33 * 1024;
/// Bytes of a hash.
const LENGTH: usize = 32;

impl Passwords {
    /// Starts the threads. They end when the last clone is dropped.
    pub(crate) fn new(config: &TenantConfig, random: &dyn Random) -> Result<Self, Error> {
        let params = Params::new(config.password_memory_kib, config.password_passes, 1, Some(LENGTH));
        let params = params.map_err(|_out_of_range| {
            Error::Crypto("tenant.password_memory_kib or password_passes is out of range")
        })?;
        let (queue, jobs) = sync_channel(config.password_queue.max(1));
        let jobs = Arc::new(Mutex::new(jobs));
        let shelf = Arc::<Shelf>::default();
        for index in 0..config.password_threads.max(1) {
            let (jobs, shelf) = (Arc::clone(&jobs), Arc::clone(&shelf));
            let thread = std::thread::Builder::new().name(format!("veza-password-{index}"));
            thread
                .spawn(move || work(&jobs, &shelf, IDLE))
                .map_err(|_refused| Error::Crypto("no thread for passwords"))?;
        }
        let decoy = hash(&params, b"nobody has this password", bytes(random), &mut memory())?;
        Ok(Self { queue, params, decoy: decoy.into() })
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: &str, random: &Arc<dyn Random>) -> Result<String, Error> {
        let (password, params, salt) = (password.to_owned(), self.params.clone(), bytes(&**random));
        self.run(move |memory| hash(&params, password.as_bytes(), salt, memory)).await
    }

    /// Whether `password` is the one behind `hash`. Takes as long without a hash as with one.
    pub(crate) async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, Error> {
        let (password, decoy) = (password.to_owned(), Arc::clone(&self.decoy));
        self.run(move |memory| {
            let right = matches(hash.as_deref().unwrap_or(&decoy), password.as_bytes(), memory)?;
            Ok(right && hash.is_some())
        })
        .await
    }

    /// Whether `hash` was made with other parameters than those in force.
    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        let made = PasswordHash::new(hash).ok().and_then(|hash| Params::try_from(&hash).ok());
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        made.is_none_or(|made| cost(&made) != cost(&self.params))
    }

    async fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&mut Memory) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, outcome) = oneshot::channel();
        self.queue.try_send(Box::new(Task { compute, answer })).map_err(|_full| Error::Busy)?;
        outcome.await.map_err(|_panicked| Error::Crypto("hashing panicked"))?
    }
}

/// The life of one thread.
fn work(jobs: &Mutex<Receiver<Box<dyn Job>>>, shelf: &Shelf, idle: Duration) {
    let free = || shelf.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        // One thread waits here, the others for it: whoever it is frees the memory of all.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(idle);
        match next {
            Ok(job) => {
                let taken = free().pop();
                let mut memory = taken.unwrap_or_else(memory);
                let run = std::panic::AssertUnwindSafe(|| job.run(&mut memory));
                if std::panic::catch_unwind(run).is_err() {
                    tracing::error!("hashing a password panicked");
                }
                free().push(memory);
            }
            Err(RecvTimeoutError::Timeout) => free().clear(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn memory() -> Memory {
    Memory::with_capacity(ALONE)
}

fn digest(params: &Params, password: &[u8], salt: &[u8], memory: &mut Memory) -> Result<[u8; LENGTH], Error> {
    let mut out = [0; LENGTH];
    memory.resize(params.block_count(), Block::new());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password, salt, &mut out, memory)
        .map(|()| out)
        .map_err(|_unspecified| Error::Crypto("hashing failed"))
}

fn hash(params: &Params, password: &[u8], salt: [u8; 16], memory: &mut Memory) -> Result<String, Error> {
    let out = digest(params, password, &salt, memory)?;
    let failed = |_unspecified| Error::Crypto("a hash cannot be written");
    let hash = PasswordHash {
        algorithm: Ident::new("argon2id").map_err(failed)?,
        version: Some(Decimal::from(Version::V0x13)),
        params: ParamsString::try_from(params).map_err(|_unspecified| Error::Crypto("bad parameters"))?,
        salt: Some(Salt::new(&salt).map_err(failed)?),
        hash: Some(Output::new(&out).map_err(failed)?),
    };
    Ok(hash.to_string())
}

fn matches(hash: &str, password: &[u8], memory: &mut Memory) -> Result<bool, Error> {
    let malformed = || Error::Crypto("a stored hash is malformed");
    let hash = PasswordHash::new(hash).map_err(|_unreadable| malformed())?;
    if hash.algorithm.as_str() != "argon2id" {
        return Err(malformed());
    }
    let params = Params::try_from(&hash).map_err(|_unreadable| malformed())?;
    let (salt, expected) = hash.salt.as_ref().zip(hash.hash.as_ref()).ok_or_else(malformed)?;
    let out = digest(&params, password, salt, memory)?;
    Ok(aws_lc_rs::constant_time::verify_slices_are_equal(&out, expected.as_bytes()).is_ok())
}

#[cfg(test)]
mod tests {
    use veza_core::SystemRandom;

    use super::*;

    fn passwords(memory_kib: u32) -> Passwords {
        let config = TenantConfig { password_memory_kib: memory_kib, ..TenantConfig::default() };
        Passwords::new(&config, &SystemRandom).unwrap()
    }

    #[tokio::test]
    async fn a_password_matches_its_hash_and_no_other() {
        let passwords = passwords(64);
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let hash = passwords.hash("correct horse", &random).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse", Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horsf", Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("nobody has this password", None).await.unwrap());
        assert!(
            passwords.verify("x", Some("$argon2i$v=19$m=64,t=2,p=1$AAAA$AAAA".to_owned())).await.is_err()
        );
        assert!(!passwords.is_outdated(&hash));
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_verified_and_known_as_outdated() {
        let (old, new) = (passwords(64), passwords(128));
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let hash = old.hash("correct horse", &random).await.unwrap();
        assert!(new.verify("correct horse", Some(hash.clone())).await.unwrap());
        assert!(new.is_outdated(&hash));
    }

    #[tokio::test]
    async fn memory_is_used_again_and_given_back_when_nobody_signs_in() {
        let (queue, jobs) = sync_channel::<Box<dyn Job>>(4);
        let (jobs, shelf) = (Arc::new(Mutex::new(jobs)), Arc::<Shelf>::default());
        let threads = [(); 2].map(|()| {
            let (jobs, shelf) = (Arc::clone(&jobs), Arc::clone(&shelf));
            std::thread::spawn(move || work(&jobs, &shelf, Duration::from_millis(500)))
        });
        let kept = || shelf.lock().unwrap().len();
        let both = Arc::new(std::sync::Barrier::new(2));
        for _twice in 0..2 {
            let answers = [(); 2].map(|()| {
                let (answer, outcome) = oneshot::channel();
                let both = Arc::clone(&both);
                let compute = move |memory: &mut Memory| {
                    both.wait();
                    memory.capacity()
                };
                queue.try_send(Box::new(Task { compute, answer })).unwrap();
                outcome
            });
            for answer in answers {
                assert!(answer.await.unwrap() >= ALONE);
            }
        }
        let given_back = async {
            while kept() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), given_back).await.unwrap();
        drop(queue);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(kept(), 0);
    }

    /// The reference: what the argon2 crate itself makes of a password.
    #[tokio::test]
    async fn hashes_are_those_that_everybody_knows() {
        use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
        let params = Params::new(64, 2, 1, Some(LENGTH)).unwrap();
        let reference = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let theirs =
            reference.hash_password_with_salt(b"pass word", b"sixteen bytes ok").unwrap().to_string();
        let ours = passwords(64);
        assert!(ours.verify("pass word", Some(theirs)).await.unwrap());
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let hash = ours.hash("pass word", &random).await.unwrap();
        let hash = PasswordHash::new(&hash).unwrap();
        assert!(reference.verify_password(b"pass word", &hash).is_ok());
    }
}
