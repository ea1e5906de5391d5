//! What identifies things of this crate.

use uuid::Uuid;

veza_core::ids! {
    /// A job, from enqueueing to its end.
    JobId(JobNoun) = "job";
    /// Dead letters on their way back.
    RedriveId(RedriveNoun) = "redrive";
    /// A process that works on jobs.
    ProcessId(ProcessNoun) = "process";
    /// An event, the same for all who get it.
    EventId(EventNoun) = "event";
    /// A binding of a queue to an exchange.
    BindingId(BindingNoun) = "binding";
    /// Kept events on their way to a binding once more.
    ReplayId(ReplayNoun) = "replay";
    /// A schedule.
    ScheduleId(ScheduleNoun) = "schedule";
}

/// Fences a lease: whoever lost it cannot end the job any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) Uuid);

impl Token {
    pub(crate) fn generate(random: &dyn veza_core::Random) -> Self {
        Self(uuid::Builder::from_random_bytes(veza_core::bytes(random)).into_uuid())
    }
}
