//! The sockets to serve on: handed over by systemd or a predecessor, or bound anew.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;

use crate::error::Error;

/// Inherited sockets (`LISTEN_FDS`, see `sd_listen_fds(3)`) win over configured addresses: a
/// restart that hands them on loses no connection.
pub(crate) fn open(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Error> {
    let mut inherited = ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..inherited.len() {
        let taken = inherited.take_tcp_listener(index);
        listeners.extend(taken.map_err(Error::io("an inherited file descriptor is not a TCP listener"))?);
    }
    if listeners.is_empty() {
        for address in addresses {
            let bound = TcpListener::bind(address);
            listeners.push(bound.map_err(Error::io(format!("cannot listen on {address}")))?);
        }
    }
    Ok(listeners)
}

/// Where the first socket listens.
pub(crate) fn address(listeners: &[TcpListener]) -> Option<SocketAddr> {
    listeners.first().and_then(|listener| listener.local_addr().ok())
}
