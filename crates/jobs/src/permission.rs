//! What a member of an organisation may do with jobs, one type each.

use veza_core::Permission;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl Permission for $name {
                const NAME: &'static str = $text;
            }
        )*
        /// The names of all permissions of this crate.
        pub const ALL: &[&str] = &[$($text),*];
    };
}

permissions! {
    /// May see jobs, their payloads and results, counts and holds, queues, exchanges and schedules.
    ReadJobs = "jobs.jobs.read";
    /// May cancel, retry, redrive and purge jobs, pause queues, and make, change and remove queues,
    /// exchanges and schedules.
    ManageJobs = "jobs.jobs.manage";
    /// May send messages to queues and events to exchanges.
    SendMessages = "jobs.messages.send";
    /// May receive messages from queues, and acknowledge them.
    ReceiveMessages = "jobs.messages.receive";
}
