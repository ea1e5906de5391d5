#![doc = include_str!("../README.md")]

#[cfg(feature = "tenant")]
mod config;
#[cfg(feature = "tenant")]
mod platform;

#[cfg(feature = "chat")]
pub use veza_chat as chat;
pub use veza_core as core;
#[cfg(feature = "tenant")]
pub use veza_jobs as jobs;
#[cfg(feature = "storage")]
pub use veza_storage as storage;
#[cfg(feature = "stream")]
pub use veza_stream as stream;
#[cfg(feature = "tenant")]
pub use veza_tenant as tenant;
#[cfg(feature = "http")]
pub use veza_web as web;

pub use veza_core::{Caller, Db, DbError, Permission, Permit, Query, ReadTx, TenantScope, TenantTx, Write};

#[cfg(feature = "tenant")]
pub use self::config::Config;
#[cfg(feature = "tenant")]
pub use self::platform::{Error, Platform};
