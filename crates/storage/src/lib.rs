#![doc = include_str!("../README.md")]

pub mod audit;
pub mod backend;
mod blob;
pub mod body;
pub mod bucket;
mod config;
mod content;
pub mod crypt;
pub mod digest;
mod error;
mod flow;
#[cfg(feature = "http")]
pub mod http;
pub mod id;
mod input;
mod key;
mod keyring;
pub mod keys;
pub mod lifecycle;
pub mod object;
mod percent;
pub mod permission;
mod purge;
mod put;
pub mod quota;
mod read;
mod reap;
mod schema;
mod service;
mod setup;
pub mod signed;
mod sniff;
pub mod traffic;
pub mod upload;

pub use self::{
    backend::Backend,
    blob::{Blob, BlobId, BlobKey},
    body::Body,
    config::{AzureSection, GcsSection, KmsSection, S3Section, StorageConfig, VaultSection},
    error::{BoxError, CODES, Error},
    key::{MAX_KEY, ObjectKey},
    put::NewObject,
    read::{Opened, Reading},
    reap::{Collect, Reaped},
    service::Storage,
};

/// The exchange that hears of objects: `object.created`, `object.removed`, `object.restored`.
pub const EXCHANGE: &str = "storage";
