//! What a member of an organisation may do with its files, one type each.

veza_core::permissions! {
    /// May see buckets and their settings, and how much is stored.
    ReadBuckets = "storage.buckets.read";
    /// May make, change and delete buckets.
    ManageBuckets = "storage.buckets.manage";
    /// May list and read objects and their versions.
    ReadObjects = "storage.objects.read";
    /// May store objects, copy them, and change their metadata.
    WriteObjects = "storage.objects.write";
    /// May delete objects and restore them.
    DeleteObjects = "storage.objects.delete";
    /// May set how long objects are retained, put them under legal hold, and delete what is retained in
    /// governance mode.
    ManageRetention = "storage.retention.manage";
    /// May change the keys that encrypt objects, and destroy all objects with them.
    ManageKeys = "storage.keys.manage";
}
