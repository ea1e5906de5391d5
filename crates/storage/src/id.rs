//! The ids of this crate's things. That of a blob is in [`BlobKey`](crate::BlobKey)'s module.

veza_core::ids! {
    /// A bucket.
    BucketId(BucketNoun) = "bucket";
    /// What an object was for a time.
    VersionId(VersionNoun) = "version";
    /// An upload in parts.
    UploadId(UploadNoun) = "upload";
    /// What signs a tenant's URLs.
    SigningKeyId(SigningKeyNoun) = "signing_key";
    /// What versions show.
    ContentId(ContentNoun) = "content";
}
