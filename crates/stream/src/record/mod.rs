//! Recordings of what is published.

mod tapped;

pub use self::tapped::Tapped;
