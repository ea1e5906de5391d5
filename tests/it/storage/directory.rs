//! Files in a directory.

use veza_testing::{AppBuilder, TestDatabase};

/// An app whose files are in a directory of its own; with the feature `s3` they are in a bucket.
pub(crate) async fn builder(database: &TestDatabase) -> AppBuilder {
    AppBuilder::new(database)
}
