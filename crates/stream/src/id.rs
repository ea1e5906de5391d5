//! The ids of this crate's things.

veza_core::ids! {
    /// A channel: a place where one publishes and many watch.
    ChannelId(ChannelNoun) = "channel";
    /// A session: one publisher's or viewer's connection.
    SessionId(SessionNoun) = "session";
    /// A recording of what was published.
    RecordingId(RecordingNoun) = "recording";
}
