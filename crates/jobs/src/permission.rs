//! What a member of an organisation may do with jobs, one type each.

veza_core::permissions! {
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
