//! How often somebody may send.

use std::fmt;
use std::sync::Arc;

use veza_core::{Caller, TenantId};
use veza_web::{Limit, Limiter};

use crate::error::Error;
use crate::id::{self, MemberId};
use crate::service::Chat;

/// Counts what each sends, in this process.
pub(super) struct Sends {
    limiter: Limiter<(TenantId, MemberId)>,
    limit: Limit,
}

impl fmt::Debug for Sends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sends").finish_non_exhaustive()
    }
}

impl Sends {
    pub(super) fn new(chat: &Chat) -> Self {
        let limit = Limit::per_minute(chat.config().messages_per_minute);
        Self { limiter: Limiter::new(Arc::clone(chat.db().clock())), limit }
    }

    /// Counts one more of `caller`.
    ///
    /// # Errors
    /// [`Error::TooOften`].
    pub(super) fn count(&self, caller: &Caller) -> Result<(), Error> {
        let decision = self.limiter.check(&(caller.tenant(), id::member(caller)), self.limit);
        if decision.allowed { Ok(()) } else { Err(Error::TooOften(decision.retry_after)) }
    }
}
