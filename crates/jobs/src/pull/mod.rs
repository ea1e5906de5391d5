//! Queues that tenants make, for workers in any language: the semantics of Amazon SQS standard queues,
//! where those have a term. A message is a job of kind `message` in the lane `pull:<name>`; receiving
//! leases it, and its receipt is the lease's key.
//!
//! Delivery is at least once: a message whose receiver goes away comes again when its visibility
//! timeout has passed, and its old receipt is void then. Order is best effort.

mod ending;
mod message;
mod queue;
mod receipt;
mod receive;
mod receivers;
mod removal;
mod settings;
mod users;

pub use self::ending::{
    Acknowledged, Acknowledgement, Extended, Extension, Rejected, Rejection, acknowledge, extend, reject,
};
pub(crate) use self::message::fits;
pub use self::message::{
    Batch, BatchEntry, BatchOutcome, FailedEntry, KIND, MAX_BATCH, MAX_DELAY_SECONDS, NewMessage, SentEntry,
    SentMessage, send, send_batch,
};
pub use self::queue::{MAX_QUEUES, NewQueue, Queue, create, get, list, update};
pub use self::receive::{Receive, Received, ReceivedMessage};
pub(crate) use self::receivers::Receivers;
pub use self::removal::Purged;
pub(crate) use self::removal::{discard, expire};
pub use self::settings::QueueChange;
pub(crate) use self::users::{Kept, keep};

/// The longest visibility timeout and pause, in seconds: twelve hours.
pub const MAX_VISIBILITY_SECONDS: i32 = 43_200;
