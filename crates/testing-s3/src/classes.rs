//! Storage classes, which `s3s-fs` does not know.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The storage classes of objects that have another than the usual one.
#[derive(Debug, Default)]
pub(crate) struct Classes(Mutex<HashMap<String, String>>);

impl Classes {
    pub(crate) fn set(&self, key: &str, class: &str) {
        self.all().insert(key.to_owned(), class.to_owned());
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.all().get(key).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
