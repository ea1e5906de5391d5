//! The listener.

mod hang_up;

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::Server;

pub use self::hang_up::HangUp;
pub(crate) use self::hang_up::release;
use crate::site::{Routes, Site};

/// How long open requests may take to end once the server was told to stop, in seconds.
const SHUTDOWN_SECONDS: u64 = 30;

/// Bytes of an answer that are gathered before they are written. Each write wakes the reader, and that costs more than the
/// bytes; more than 128 KiB would be new memory after each write. Two segments of an encrypted file are exactly so many.
const WRITE: usize = 2 * (64 * 1024 - 16);

impl Site {
    /// A server on the configured addresses, not yet running: await it, and stop it through its
    /// handle. Signals are the caller's business.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub fn listen<F>(&self, mount: F) -> io::Result<Server>
    where
        F: Fn(&mut Routes<'_>) + Clone + Send + 'static,
    {
        let listeners = self.state.config.listen.iter().map(TcpListener::bind).collect::<io::Result<_>>()?;
        self.serve(listeners, mount)
    }

    /// A server on sockets that are open already.
    ///
    /// # Errors
    /// When a socket cannot be listened on.
    pub fn serve<F>(&self, listeners: Vec<TcpListener>, mount: F) -> io::Result<Server>
    where
        F: Fn(&mut Routes<'_>) + Clone + Send + 'static,
    {
        let config = &self.state.config;
        let site = self.clone();
        let mut server = HttpServer::new(move || site.app(mount.clone()))
            .keep_alive(config.keep_alive.as_duration())
            .client_request_timeout(config.client_request_timeout.as_duration())
            .client_disconnect_timeout(Duration::from_secs(5))
            .max_connections(usize::try_from(config.max_connections).unwrap_or(usize::MAX))
            .shutdown_timeout(SHUTDOWN_SECONDS)
            // A client that closes has gone: nobody should wait, or receive, for it.
            .h1_allow_half_closed(false)
            .on_connect(hang_up::hold)
            .h1_write_buffer_size(WRITE)
            .disable_signals();
        if config.workers > 0 {
            server = server.workers(usize::from(config.workers));
        }
        for listener in listeners {
            limit_unread(&listener, config.unread_timeout.as_duration())?;
            server = server.listen(listener)?;
        }
        Ok(server.run())
    }
}

/// Who reads nothing keeps what waits for it in memory, and the kernel asks it for ever whether it reads again. Connections
/// have this limit from their listener (tcp(7), `TCP_USER_TIMEOUT`), but for those that it took before.
fn limit_unread(listener: &TcpListener, limit: Duration) -> io::Result<()> {
    let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(listener, milliseconds)?)
}
