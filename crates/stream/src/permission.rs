//! What a member of an organisation may do with channels and recordings, one type each.

veza_core::permissions! {
    /// May see channels, their sessions, and how those do.
    ReadChannels = "stream.channels.read";
    /// May make, change and remove channels, end sessions, and end tokens.
    ManageChannels = "stream.channels.manage";
    /// May publish to every channel.
    PublishChannels = "stream.channels.publish";
    /// May watch every channel.
    WatchChannels = "stream.channels.watch";
    /// May make tokens, for what they may do themselves.
    CreateTokens = "stream.tokens.create";
    /// May list recordings, and download them.
    ReadRecordings = "stream.recordings.read";
    /// May delete recordings.
    DeleteRecordings = "stream.recordings.delete";
}
