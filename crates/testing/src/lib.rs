#![doc = include_str!("../README.md")]
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "a harness fails by panicking, and stands at the edge of the program under test"
)]

#[cfg(feature = "http")]
mod app;
mod boundary;
#[cfg(feature = "http")]
mod client;
mod clock;
mod cluster;
mod database;
mod directory;
mod fixture;
mod options;
mod private_cluster;
mod redaction;
mod redis;
mod superuser;
mod sweep;
mod template;
mod tenant;

pub use veza_testing_macros::{db_test, tenant_test};

#[cfg(feature = "http")]
pub use self::app::{App, AppBuilder, Owner};
pub use self::boundary::assert_tenant_boundary;
#[cfg(feature = "http")]
pub use self::client::{Client, Reply};
pub use self::clock::TestClock;
pub use self::database::TestDatabase;
pub use self::directory::TestDirectory;
pub use self::fixture::{DbTest, TenantTest};
pub use self::options::Options;
pub use self::private_cluster::PrivateCluster;
pub use self::redaction::redact;
pub use self::redis::{Redis, redis};
pub use self::superuser::Superuser;
pub use self::tenant::TestTenant;
