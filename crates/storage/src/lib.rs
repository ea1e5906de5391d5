#![doc = include_str!("../README.md")]

pub mod backend;
mod blob;
pub mod body;
pub mod crypt;
pub mod digest;
mod error;

pub use self::{
    backend::Backend,
    blob::{Blob, BlobId, BlobKey},
    body::Body,
    error::{BoxError, CODES, Error},
};
