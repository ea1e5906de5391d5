//! Conditions of a write, as RFC 9110, section 13.1 has them.

use super::Object;
use crate::Error;

/// What must hold of what a key shows, for a change of it to happen.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Condition {
    /// `If-Match`: it shows one of these entity tags; `*` is anything.
    pub if_match: Option<Vec<String>>,
    /// `If-None-Match`: it shows none of these entity tags; `*` is anything, so the key must be free.
    pub if_none_match: Option<Vec<String>>,
}

impl Condition {
    /// The key must be free.
    pub fn absent() -> Self {
        Self { if_match: None, if_none_match: Some(vec!["*".to_owned()]) }
    }

    /// It must show this.
    pub fn shows(etag: impl Into<String>) -> Self {
        Self { if_match: Some(vec![etag.into()]), if_none_match: None }
    }

    /// # Errors
    /// [`Error::PreconditionFailed`].
    pub fn check(&self, current: Option<&Object>) -> Result<(), Error> {
        let shows = |etags: &Vec<String>| {
            current.is_some_and(|object| etags.iter().any(|etag| etag == "*" || *etag == object.etag))
        };
        let wanted = self.if_match.as_ref().is_none_or(shows);
        let unwanted = self.if_none_match.as_ref().is_some_and(shows);
        if wanted && !unwanted { Ok(()) } else { Err(Error::PreconditionFailed) }
    }
}
