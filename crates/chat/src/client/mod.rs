//! A client of the protocol `veza.chat.v1.json`.
//!
//! [`Client`] stays connected: it connects again after a pause drawn at random, says `hello` with a token that holds,
//! goes on in each room behind the last event that it got, and sends again what was not answered, under the same
//! `client_id`. Who uses it sees each event once, in order, and messages stored once. [`Link`] is one connection and
//! nothing more.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use veza_chat::client::{Client, Options, Push, Token, TokenError};
//! use veza_chat::{Body, Delivery, NewMessage, RoomId};
//!
//! # async fn sign_in() -> Result<String, TokenError> { Ok(String::new()) }
//! async fn answer(room: RoomId) -> Result<(), Box<dyn std::error::Error>> {
//!     let tokens = || async { Ok(Token::new(sign_in().await?, Duration::from_secs(300))) };
//!     let (client, mut pushes) = Client::start(Options::new("http://127.0.0.1:8080".parse()?, tokens));
//!     client.subscribe(room, Some(0)).await?;
//!     while let Some(push) = pushes.next().await {
//!         match push {
//!             Push::Delivery(Delivery::Event { event, .. }) if event.messages == 1 => {
//!                 let message = NewMessage { body: Body::text("welcome"), ..NewMessage::default() };
//!                 client.send(room, message).await?;
//!             }
//!             Push::Closed { reason } => println!("{reason}"),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! ```

mod driver;
mod endpoint;
mod error;
mod handle;
mod handshake;
mod incoming;
mod link;
mod live;
mod open;
mod options;
mod push;
mod request;
mod retry;
mod rooms;
#[cfg(feature = "tls")]
mod tls;
mod token;

#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;

pub use self::endpoint::{BadEndpoint, Endpoint};
pub use self::error::{BadField, ClientError, LinkError, Refusal};
pub use self::handle::{Client, Pushes, ReadUpTo};
pub use self::incoming::Incoming;
pub use self::link::Link;
pub use self::options::Options;
pub use self::push::Push;
pub use self::request::Request;
pub use self::retry::Backoff;
pub use self::token::{Token, TokenError, Tokens};
