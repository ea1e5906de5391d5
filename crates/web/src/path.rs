//! Ids in the path.

use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::{FromRequest, HttpRequest, dev, web};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::caller;
use crate::codes::ROUTE_NOT_FOUND;
use crate::problem::Problem;

/// How a noun answers when a thing does not exist.
///
/// ```
/// # use veza_web::{Missing, Problem};
/// # #[derive(Debug)] enum ChatError { RoomNotFound }
/// # impl std::fmt::Display for ChatError {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("no such room") }
/// # }
/// # impl std::error::Error for ChatError {}
/// # impl veza_core::Fault for ChatError {
/// #     fn kind(&self) -> veza_core::Kind { veza_core::Kind::NotFound }
/// #     fn code(&self) -> &'static str { "chat.room.not_found" }
/// # }
/// /// What an unknown room's id answers.
/// #[derive(Debug)]
/// pub enum NoRoom {}
/// impl Missing for NoRoom {
///     fn missing() -> Problem { ChatError::RoomNotFound.into() }
/// }
/// ```
pub trait Missing: 'static {
    /// The answer for an unknown id; an id that cannot exist gets the same one.
    fn missing() -> Problem;
}

/// What a missing thing of each noun answers: `missing!(Error::NotFound; NoRoom = "room");` declares `NoRoom`, for
/// which an id that is unknown, or cannot exist, is the problem of `Error::NotFound("room")`.
#[macro_export]
macro_rules! missing {
    ($fault:path; $($name:ident = $noun:literal),* $(,)?) => {
        $(
            #[derive(Debug)]
            enum $name {}
            impl $crate::Missing for $name {
                fn missing() -> $crate::Problem {
                    $fault($noun).into()
                }
            }
        )*
    };
}

/// Nothing is known about what the path names.
#[derive(Debug, Clone, Copy)]
pub enum NoRoute {}

impl Missing for NoRoute {
    fn missing() -> Problem {
        Problem::new(&ROUTE_NOT_FOUND, "there is nothing at this path")
    }
}

/// The parts of the path, most often an id. A part that cannot be read (no UUID) names nothing, and
/// is answered as `M` answers for an id that does not exist.
#[derive(Debug, Clone)]
pub struct PathOf<T, M = NoRoute>(pub T, PhantomData<fn() -> M>);

impl<T, M> PathOf<T, M> {
    /// The parts.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T, M> Deref for PathOf<T, M> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static, M: Missing> FromRequest for PathOf<T, M> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let parts = web::Path::<T>::from_request(req, payload).into_inner();
        caller::behind(req, async move {
            parts.map(|parts| Self(parts.into_inner(), PhantomData)).map_err(|_unreadable| M::missing())
        })
    }
}
