//! Who leaves the organisation leaves its rooms.

use serde::Deserialize;
use uuid::Uuid;
use veza_core::{Caller, TenantTx};
use veza_jobs::topic::{Event, Subscription};
use veza_jobs::{Context, Handler, JobError, Outcome};

use crate::error::Error;
use crate::id::MemberId;
use crate::member;
use crate::service::Chat;

/// What [`Chat`] handles: members who were removed from an organisation, as whoever keeps the accounts publishes it, with
/// their id as `person_id`.
pub const DEPARTURES: Subscription =
    Subscription::new("chat.departures", "tenant", "member.removed").queue("chat");

/// Somebody who was removed.
#[derive(Debug, Deserialize)]
struct Removed {
    person_id: Uuid,
}

impl Handler<Event> for Chat {
    async fn run(&self, event: Event, cx: Context) -> Result<Outcome, JobError> {
        let removed: Removed = event.body()?;
        let caller = Caller::system(cx.tenant());
        let (who, joined_by) = (MemberId::from_uuid(removed.person_id), event.published_at);
        loop {
            let permit = caller.permit().map_err(JobError::fatal)?;
            let leave = move |tx: &mut TenantTx<'_>| member::leave_rooms(tx, &permit, who, joined_by);
            let left: Result<usize, Error> = self.db().tenant(&caller, leave).await;
            // Who came back meanwhile stays in the rooms that they joined since.
            if left.map_err(JobError::retry)? == 0 {
                return Ok(Outcome::Done);
            }
        }
    }
}
