//! The sockets to serve on: handed over by systemd or a predecessor, or bound anew.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;

use crate::error::Error;

/// What to serve on.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    /// For everybody.
    pub(crate) public: Vec<TcpListener>,
    /// For the operator alone, when that is apart.
    pub(crate) admin: Vec<TcpListener>,
}

impl Listeners {
    /// Inherited sockets (`LISTEN_FDS`, see `sd_listen_fds(3)`) win over configured addresses: a
    /// restart that hands them on loses no connection. One that is named `admin`
    /// (`FileDescriptorName=`) is for the operator.
    pub(crate) fn open(public: &[SocketAddr], admin: Option<SocketAddr>) -> Result<Self, Error> {
        let mut listeners = Self::inherited()?;
        if listeners.public.is_empty() {
            listeners.public = public.iter().map(bind).collect::<Result<_, _>>()?;
        }
        if listeners.admin.is_empty() {
            listeners.admin = admin.iter().map(bind).collect::<Result<_, _>>()?;
        }
        Ok(listeners)
    }

    /// Where the public one listens.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.public.first().and_then(|listener| listener.local_addr().ok())
    }

    fn inherited() -> Result<Self, Error> {
        let mut inherited = ListenFd::from_env();
        let names = names();
        let mut listeners = Self::default();
        for index in 0..inherited.len() {
            let taken = inherited.take_tcp_listener(index);
            let taken = taken.map_err(Error::io("an inherited file descriptor is not a TCP listener"))?;
            match names.get(index).map(String::as_str) {
                Some("admin") => listeners.admin.extend(taken),
                _ => listeners.public.extend(taken),
            }
        }
        Ok(listeners)
    }
}

fn bind(address: &SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).map_err(Error::io(format!("cannot listen on {address}")))
}

#[allow(clippy::disallowed_methods, reason = "systemd passes the names of sockets this way")]
fn names() -> Vec<String> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    names.split(':').map(str::to_owned).collect()
}
