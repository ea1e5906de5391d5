//! The ids of this crate's things. That of a blob is in [`BlobKey`](crate::BlobKey)'s module.

use veza_core::{Noun, TypedId};

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident($noun:ident) = $name:literal;)*) => {
        $(
            #[doc = concat!("The noun behind [`", stringify!($id), "`].")]
            #[derive(Debug)]
            pub enum $noun {}
            impl Noun for $noun {
                const NAME: &'static str = $name;
            }
            $(#[$doc])*
            pub type $id = TypedId<$noun>;
        )*
    };
}

ids! {
    /// A bucket.
    BucketId(BucketNoun) = "bucket";
    /// What an object was for a time.
    VersionId(VersionNoun) = "version";
    /// An upload in parts.
    UploadId(UploadNoun) = "upload";
    /// What versions show.
    ContentId(ContentNoun) = "content";
}
