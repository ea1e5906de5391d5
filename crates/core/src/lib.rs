#![doc = include_str!("../README.md")]

pub mod caller;
mod clock;
mod codes;
pub mod config;
pub mod db;
mod declare;
pub mod fault;
pub mod id;
pub mod idempotency;
pub mod page;
mod random;
mod schema;
mod task;
mod text;
pub mod usage;

pub use self::caller::{Caller, Forbidden, Permission, Permit, Principal, Scopes};
pub use self::clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use self::codes::CODES;
pub use self::db::{
    BatchTx, Db, DbError, DispatchStatement, DispatchTx, Query, ReadTx, Reason, SystemTx, TenantScope,
    TenantTx, Write,
};
pub use self::fault::{CodeDoc, Fault, FieldError, Kind};
pub use self::id::{Noun, TenantId, TypedId};
pub use self::random::{Random, SeededRandom, SystemRandom, bytes};
pub use self::task::Tasks;
pub use self::text::holds_nul;
