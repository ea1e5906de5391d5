//! What a member of an organisation may do with recordings, one type each.

veza_core::permissions! {
    /// May list recordings, and download them.
    ReadRecordings = "stream.recordings.read";
    /// May delete recordings.
    DeleteRecordings = "stream.recordings.delete";
}
