//! The queue engine on a real PostgreSQL.

mod enqueue;
mod runtime;
mod work;
