//! Steps of sessions' lives, many of a tenant written down at once.

use veza_core::TenantTx;

use super::close::{Closing, close_all, connected_all};
use crate::error::Error;
use crate::id::SessionId;

/// What happened to a session.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Media may flow.
    Connected(SessionId),
    /// It has ended.
    Ended(Closing),
}

impl Step {
    const fn is_end(&self) -> bool {
        matches!(self, Self::Ended(_))
    }
}

/// Writes steps down, and tells the tenant's topic of them in their order.
pub(crate) fn write(tx: &mut TenantTx<'_>, steps: &[Step]) -> Result<(), Error> {
    for alike in steps.chunk_by(|one, next| one.is_end() == next.is_end()) {
        let (mut came, mut closings) = (Vec::new(), Vec::new());
        for step in alike {
            match step {
                Step::Connected(id) => came.push(*id),
                Step::Ended(closing) => closings.push(closing.clone()),
            }
        }
        connected_all(tx, &came)?;
        close_all(tx, &closings)?;
    }
    Ok(())
}
