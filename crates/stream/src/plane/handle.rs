//! How the data plane is told what to do.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use veza_core::Random;

use super::PlaneError;
use super::address::{announced, listened};
use super::config::PlaneConfig;
use super::driver::{Driver, Inbox, KERNEL_BUFFER, listen_tcp, listen_udp, smaller};
use super::event::{EndReason, Event};
use super::load::Load;
use super::message::Message;
use super::registry::{NewRole, NewSession, Registry};
use super::shard::{Shard, Surroundings, Tell};
use super::stats::SessionStats;
use crate::agreed::{Agreed, Credentials, Fingerprint};
use crate::dtls::{Handshaker, Handshakes, OwnCertificate};
use crate::ice::{Candidate, Protocol};
use crate::id::SessionId;
use crate::record::Tapped;

/// A peer has so long to come, from the answer to its offer on.
const COMING: Duration = Duration::from_secs(30);
/// Looks for a port that is free for datagrams and connections.
const ATTEMPTS: u32 = 32;
/// What Linux says of kinds of addresses that it does not know.
const EAFNOSUPPORT: i32 = 97;
/// Threads, when the configuration leaves it to us.
const MOST_THREADS: usize = 8;

/// The data plane of a process. Clones are the same.
#[derive(Clone)]
pub struct Plane {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Arc<Registry>,
    inboxes: Arc<OnceLock<Vec<Inbox>>>,
    candidates: Vec<Candidate>,
    fingerprint: Fingerprint,
    random: Arc<dyn Random>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plane").field("candidates", &self.inner.candidates).finish_non_exhaustive()
    }
}

impl Plane {
    /// Opens the ports and starts the threads. What happens to sessions comes out of the receiver.
    pub fn start(
        config: &PlaneConfig,
        random: Arc<dyn Random>,
    ) -> Result<(Self, UnboundedReceiver<Event>), PlaneError> {
        let certificate = OwnCertificate::generate()?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let threads = if config.threads == 0 { cores.min(MOST_THREADS) } else { config.threads };
        let opened = open_all(config, threads)?;
        warn_of_small_buffers(opened.first().and_then(|first| first.udp.first()));
        let candidates = candidates(config, opened.first().map_or(&[][..], |first| &first.bound))?;
        let inboxes = Arc::new(OnceLock::new());
        let tell = telling(&inboxes);
        let drivers = opened.into_iter().enumerate();
        let drivers =
            drivers.map(|(number, opened)| Driver::new(number, opened.udp, opened.tcp, Arc::clone(&tell)));
        let drivers: Result<Vec<_>, _> = drivers.collect();
        let load = Arc::new(Load::default());
        let registry = Arc::new(Registry::new(config, Arc::clone(&load)));
        let (events, receiver) = unbounded_channel();
        let shaken = Arc::clone(&tell);
        let (handshaker, thread) =
            Handshaker::start(Handshakes::new(&certificate)?, clock, move |shard, session, outcome| {
                shaken(shard, Message::Handshake(session, outcome));
            })?;
        let (drivers, boxes): (Vec<_>, Vec<_>) = drivers?.into_iter().unzip();
        // It is empty until here.
        let _set = inboxes.set(boxes);
        let mut running = vec![thread];
        for (number, driver) in drivers.into_iter().enumerate() {
            let around = Surroundings {
                registry: Arc::clone(&registry),
                handshaker: handshaker.clone(),
                events: events.clone(),
                tell: Arc::clone(&tell),
                random: Arc::clone(&random),
                shards: threads,
            };
            let shard = Shard::new(number, around, clock());
            running.push(driver.start(shard, number, clock, Arc::clone(&load))?);
        }
        let fingerprint = certificate.fingerprint;
        let threads = Mutex::new(running);
        let inner = Inner { registry, inboxes, candidates, fingerprint, random, threads };
        Ok((Self { inner: Arc::new(inner) }, receiver))
    }

    /// The certificate that we show (`a=fingerprint`). We are the DTLS server (`a=setup:passive`).
    pub fn fingerprint(&self) -> Fingerprint {
        self.inner.fingerprint
    }

    /// The addresses to tell peers (`a=candidate`).
    pub fn candidates(&self) -> &[Candidate] {
        &self.inner.candidates
    }

    /// New names for a session: eight letters, and 24 that nobody can guess (RFC 8445 section 5.3).
    pub fn credentials(&self) -> Credentials {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let random: [u8; 32] = veza_core::bytes(&*self.inner.random);
        let letter = |byte: &u8| LETTERS.get(usize::from(byte % 64)).copied().map_or('A', char::from);
        let mut letters = random.iter().map(letter);
        let ufrag = letters.by_ref().take(8).collect();
        Credentials { ufrag, pwd: letters.collect() }
    }

    /// Expects a publisher. Its peer has 30 seconds to come.
    pub fn publish(&self, session: SessionId, agreed: Agreed) -> Result<(), PlaneError> {
        self.add(NewSession { id: session, agreed, role: NewRole::Publish(Vec::new()) })
    }

    /// Expects a viewer of what `source` publishes; `tracks` says which of the source's tracks each agreed track shows.
    ///
    /// # Errors
    /// [`PlaneError::Unknown`] when nothing of the kind is published.
    pub fn watch(
        &self,
        session: SessionId,
        source: SessionId,
        tracks: Vec<usize>,
        agreed: Agreed,
    ) -> Result<(), PlaneError> {
        self.add(NewSession { id: session, agreed, role: NewRole::Watch(source, tracks) })
    }

    fn add(&self, session: NewSession) -> Result<(), PlaneError> {
        self.inner.registry.add(session, clock() + COMING)
    }

    /// Restarts ICE of a session. What it has holds until the peer uses the new; when its peer has not come, no longer.
    pub fn restart(
        &self,
        session: SessionId,
        local: Credentials,
        remote: Credentials,
    ) -> Result<(), PlaneError> {
        if self.inner.registry.rename(session, &local, &remote) {
            return Ok(());
        }
        let shard = self.inner.registry.name(session, &local, &remote)?;
        self.tell(shard, Message::Restart(session, local, remote));
        Ok(())
    }

    /// Ends a session, if it is there. What came of it comes as an event.
    pub fn end(&self, session: SessionId, reason: EndReason) {
        self.tell_end(session, reason, None);
    }

    /// Ends a session, and gives what was counted of it to its last packet; nothing when it is not there. The event comes as
    /// well.
    pub async fn finish(&self, session: SessionId, reason: EndReason) -> Option<SessionStats> {
        let (answer, stats) = oneshot::channel();
        self.tell_end(session, reason, Some(answer));
        stats.await.ok()
    }

    fn tell_end(&self, session: SessionId, reason: EndReason, answer: Option<oneshot::Sender<SessionStats>>) {
        // When nobody has come for it, shard 0 tells that it ended.
        let shard = self.inner.registry.shard_of(session).unwrap_or(0);
        self.tell(shard, Message::End(session, reason, answer));
    }

    /// Ends a publisher whose place another takes. Who watches goes on with what that one sends, from its first key frames
    /// on, under the same sources, numbers and times; who cannot play it is ended as [`EndReason::SourceChanged`].
    pub fn take_over(&self, old: SessionId, new: SessionId) {
        if let Some(replaced) = self.inner.registry.replace(old, new) {
            // All shards know it before the old one ends.
            for shard in 0..self.inner.inboxes.get().map_or(0, Vec::len) {
                self.tell(shard, Message::TakeOver(old, new, Arc::clone(&replaced.tracks)));
            }
            for viewer in replaced.unfit {
                self.end(viewer, EndReason::SourceChanged);
            }
        }
        self.end(old, EndReason::TakenOver);
    }

    /// What was counted of a session; nothing when its peer has not come.
    pub async fn stats(&self, session: SessionId) -> Option<SessionStats> {
        let shard = self.inner.registry.shard_of(session)?;
        let (answer, stats) = oneshot::channel();
        self.tell(shard, Message::Stats(session, answer));
        stats.await.ok()
    }

    /// Gives what a session publishes to a recorder, which may be `capacity` packets behind. What it does not take in time it
    /// misses.
    pub fn tap(&self, source: SessionId, capacity: usize) -> Result<Receiver<Tapped>, PlaneError> {
        let shard = self.inner.registry.shard_of(source).ok_or(PlaneError::Unknown)?;
        let (sender, receiver) = sync_channel(capacity);
        self.tell(shard, Message::Tap(source, sender));
        Ok(receiver)
    }

    /// Asks for a key frame of a track of what a session publishes.
    pub fn want_keyframe(&self, source: SessionId, track: usize) {
        if let Some(shard) = self.inner.registry.shard_of(source) {
            self.tell(shard, Message::Keyframe(source, track));
        }
    }

    /// Takes no new sessions from now on.
    pub fn drain(&self) {
        self.inner.registry.drain();
    }

    /// All sessions that there are.
    pub fn sessions(&self) -> Vec<SessionId> {
        self.inner.registry.all()
    }

    /// Ends all sessions and the threads. It waits for them.
    pub fn stop(&self) {
        for shard in 0..self.inner.inboxes.get().map_or(0, Vec::len) {
            self.tell(shard, Message::Stop);
        }
        let threads = std::mem::take(&mut *self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // The first shakes hands, and ends when nobody can tell it anything any more.
        for thread in threads.into_iter().rev() {
            if thread.join().is_err() {
                tracing::error!("a media thread had panicked");
            }
        }
    }

    pub(super) fn tell(&self, shard: usize, message: Message) {
        if let Some(inbox) = self.inner.inboxes.get().and_then(|inboxes| inboxes.get(shard)) {
            inbox.tell(message);
        }
    }
}

/// How shards and the thread of handshakes reach shards.
fn telling(inboxes: &Arc<OnceLock<Vec<Inbox>>>) -> Tell {
    let inboxes = Arc::clone(inboxes);
    Arc::new(move |shard, message| {
        let inbox = inboxes.get().and_then(|inboxes| inboxes.get(shard));
        inbox.is_some_and(|inbox| inbox.tell(message))
    })
}

/// The sockets of one thread.
struct Opened {
    udp: Vec<std::net::UdpSocket>,
    tcp: Vec<std::net::TcpListener>,
    bound: Vec<SocketAddr>,
}

/// Opens the sockets of all threads. A port that is free for datagrams may not be for connections: where any will do, another
/// is tried.
fn open_all(config: &PlaneConfig, threads: usize) -> Result<Vec<Opened>, PlaneError> {
    let mut attempts = if config.port == 0 { ATTEMPTS } else { 1 };
    warn_of_others(config);
    loop {
        attempts -= 1;
        let mut port = config.port;
        let opened: Result<Vec<_>, _> = (0..threads).map(|_| open(config, &mut port)).collect();
        let is_taken = |error: &PlaneError| matches!(error, PlaneError::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse);
        match opened {
            Err(error) if attempts > 0 && is_taken(&error) => {}
            opened => return opened,
        }
    }
}

/// The threads share the port, and so could another process: during a restart that is meant, otherwise each would get
/// datagrams of the other.
fn warn_of_others(config: &PlaneConfig) {
    let address = listened(config).first().map(|ip| SocketAddr::new(*ip, config.port));
    let Some(address) = address.filter(|address| address.port() != 0) else { return };
    if std::net::UdpSocket::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
        tracing::warn!(%address, "another process has the media port; sessions suffer until it ends");
    }
}

/// In a moment in which a thread does something else, datagrams wait in these buffers, or are lost.
fn warn_of_small_buffers(socket: Option<&std::net::UdpSocket>) {
    for smaller in socket.map(|socket| smaller(socket, KERNEL_BUFFER)).unwrap_or_default() {
        tracing::warn!(
            sysctl = smaller.sysctl,
            asked = KERNEL_BUFFER,
            granted = smaller.granted,
            "the system keeps less for the media port than was asked for, and loses packets under load; raise the sysctl"
        );
    }
}

/// Opens the sockets of one thread. The first finds the port, when any will do.
fn open(config: &PlaneConfig, port: &mut u16) -> Result<Opened, PlaneError> {
    let (mut udp, mut tcp, mut bound) = (Vec::new(), Vec::new(), Vec::new());
    for ip in listened(config) {
        let socket = match listen_udp(SocketAddr::new(ip, *port)) {
            // A machine without IPv6 works with IPv4 alone.
            Err(PlaneError::Listen { source, .. })
                if config.listen.is_empty() && ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && lacks(&source) =>
            {
                tracing::info!(%source, "no media over IPv6");
                continue;
            }
            socket => socket?,
        };
        let address = socket.local_addr().map_err(PlaneError::Thread)?;
        *port = address.port();
        udp.push(socket);
        bound.push(address);
        if config.tcp {
            tcp.push(listen_tcp(SocketAddr::new(ip, *port))?);
        }
    }
    Ok(Opened { udp, tcp, bound })
}

/// Whether the machine does not know the kind of address.
fn lacks(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
        || error.raw_os_error() == Some(EAFNOSUPPORT)
}

fn candidates(config: &PlaneConfig, bound: &[SocketAddr]) -> Result<Vec<Candidate>, PlaneError> {
    let port = bound.first().map_or(config.port, SocketAddr::port);
    let ips = announced(config, bound);
    let protocols = if config.tcp { &[Protocol::Udp, Protocol::Tcp][..] } else { &[Protocol::Udp][..] };
    let mut candidates = Vec::new();
    for protocol in protocols {
        for (nth, ip) in (0..).zip(&ips) {
            candidates.push(Candidate::new(SocketAddr::new(*ip, port), *protocol, nth));
        }
    }
    if candidates.is_empty() { Err(PlaneError::NoAddress) } else { Ok(candidates) }
}

/// The time that media is measured by.
#[expect(clippy::disallowed_methods, reason = "the one place that asks; shards get the time as a parameter")]
fn clock() -> Instant {
    Instant::now()
}

/// All addresses of IPv4, then of IPv6.
pub(super) const EVERYWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
