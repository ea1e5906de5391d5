//! What is told of ICE while a session goes on.

use super::Streams;
use crate::error::Error;
use crate::live::Live;
use crate::sdp::{Fragment, Local};

/// What a session's transport must be for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Any.
    Any,
    /// One of these ICE sessions.
    Versions(Vec<i64>),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patched {
    /// Candidates were heard of.
    Trickled,
    /// ICE begins anew.
    Restarted {
        /// Our side, as a fragment.
        fragment: String,
        /// Which ICE session it is now: the ETag.
        version: i64,
    },
}

impl Streams {
    /// Takes a fragment: candidates, or other credentials than before, which restart ICE (RFC 9725 section 4.3).
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::ConditionFailed`]; when a restart cannot be done, the session goes on as it was.
    pub(crate) fn patch(&self, live: &Live, condition: &Condition, fragment: &str) -> Result<Patched, Error> {
        let fragment = Fragment::read(fragment)?;
        let mut state = live.state();
        if matches!(condition, Condition::Versions(versions) if !versions.contains(&state.version)) {
            return Err(Error::ConditionFailed);
        }
        let Some(remote) = fragment.credentials.filter(|remote| *remote != state.remote) else {
            // Where checks come from is where the peer is: its candidates are not needed.
            return Ok(Patched::Trickled);
        };
        let local: Local = self.local()?;
        self.plane()?.restart(live.id, local.credentials.clone(), remote.clone())?;
        state.local = local.credentials.clone();
        state.remote = remote;
        state.version += 1;
        Ok(Patched::Restarted { fragment: Fragment::answer(&local, &live.tracks), version: state.version })
    }
}
