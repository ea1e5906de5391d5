#![doc = include_str!("../README.md")]

#[cfg(feature = "server")]
mod classes;
#[cfg(feature = "server")]
mod faults;
#[cfg(feature = "server")]
mod objects;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod tls;
#[cfg(feature = "server")]
mod uploads;

#[cfg(feature = "server")]
pub use self::{
    faults::{Fault, Faults, Request},
    server::S3Server,
};
