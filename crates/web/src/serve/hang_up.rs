//! Ending a connection from this side.

use std::any::Any;
use std::cell::Cell;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;

/// A hold on the socket of a connection that was upgraded to another protocol.
///
/// HTTP's side goes on reading for seconds when it has answered, lest what the client still sends takes the answer from
/// it. A protocol with a goodbye of its own knows that nothing comes any more, and says so.
#[derive(Debug)]
pub struct HangUp(TcpStream);

impl HangUp {
    /// Of the connection that `req` came on, once, and only if it is the first request there.
    pub fn take(req: &HttpRequest) -> Option<Self> {
        req.conn_data::<Held>().and_then(|held| held.0.take()).map(Self)
    }

    /// Nothing more is read: what waits is written, and the connection ends.
    pub fn hang_up(self) {
        // It may have ended by itself.
        let _gone = self.0.shutdown(Shutdown::Read);
    }
}

/// A second descriptor of a socket, until the first request shows whether it is needed.
struct Held(Cell<Option<TcpStream>>);

/// Holds the socket of a new connection.
pub(crate) fn hold(socket: &dyn Any, connection: &mut Extensions) {
    let socket = socket.downcast_ref::<actix_web::rt::net::TcpStream>();
    // Without a descriptor to spare, a connection ends a little later.
    if let Some(Ok(own)) = socket.map(|socket| socket.as_fd().try_clone_to_owned()) {
        connection.insert(Held(Cell::new(Some(own.into()))));
    }
}

/// Lets go of it, as whoever asks for no upgrade needs it no more.
pub(crate) fn release(req: &HttpRequest) {
    if !req.head().upgrade() {
        drop(HangUp::take(req));
    }
}
