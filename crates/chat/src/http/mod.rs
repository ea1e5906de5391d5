//! The routes below `/v1/chat`.

#[cfg(feature = "storage")]
mod attachments;
mod events;
mod members;
mod messages;
mod presence;
mod reactions;
mod rooms;
mod sends;
mod socket;

use actix_web::web::Data;
use tokio::sync::Semaphore;
use veza_web::Routes;

use self::sends::Sends;
pub use self::socket::document as asyncapi;
use self::socket::{MOST_PARTINGS, Sockets};
use crate::error::Error;
use crate::service::Chat;

/// What the handlers share.
#[derive(Debug)]
struct State {
    chat: Chat,
    sends: Sends,
    sockets: Sockets,
    /// Places of connections that wait for the answer to their goodbye.
    partings: Semaphore,
}

/// Registers all routes of this crate.
pub fn routes(chat: Chat) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    let state = Data::new(State {
        sends: Sends::new(&chat),
        sockets: Sockets::new(chat.config().max_connections),
        partings: Semaphore::new(MOST_PARTINGS),
        chat,
    });
    move |routes| {
        routes.app_data(state.clone());
        rooms::routes(routes);
        members::routes(routes);
        messages::routes(routes);
        #[cfg(feature = "storage")]
        attachments::routes(routes);
        reactions::routes(routes);
        events::routes(routes);
        presence::routes(routes);
        socket::routes(routes);
    }
}

// Whatever of a path cannot be read: a room that is not there is all that a stranger learns of.
veza_web::missing!(Error::NotFound; NoRoom = "room");
