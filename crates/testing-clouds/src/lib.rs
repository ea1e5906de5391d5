#![doc = include_str!("../README.md")]

#[cfg(feature = "server")]
mod account;
#[cfg(feature = "server")]
mod door;
#[cfg(feature = "server")]
mod gcs;
#[cfg(feature = "server")]
mod words;

#[cfg(feature = "server")]
pub use self::gcs::GcsServer;
