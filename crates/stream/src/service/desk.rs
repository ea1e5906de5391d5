//! What is yet to be written down of sessions: tenants take turns, and the steps of each keep their order.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use veza_core::TenantId;

use crate::session::Step;

/// Steps that one transaction writes.
const MOST: usize = 500;

/// All of it. It is no longer than there are sessions, twice.
#[derive(Debug, Default)]
pub(super) struct Desk {
    lanes: HashMap<TenantId, Lane>,
    /// Tenants something of whom waits and nothing of whom is being written.
    turns: VecDeque<TenantId>,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Step>,
    /// Some of it is being written.
    busy: bool,
    /// How often in succession that could not be done.
    failures: u32,
}

/// What one transaction is to write.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) tenant: TenantId,
    pub(super) steps: Arc<[Step]>,
    /// How often in succession something of the tenant's could not be written.
    pub(super) failures: u32,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) tenant: TenantId,
    /// What is to be tried again.
    pub(super) left: Vec<Step>,
}

impl Desk {
    /// Something is to be written.
    pub(super) fn add(&mut self, tenant: TenantId, step: Step) {
        let lane = self.lanes.entry(tenant).or_default();
        if lane.waiting.is_empty() && !lane.busy {
            self.turns.push_back(tenant);
        }
        lane.waiting.push_back(step);
    }

    /// What is to be written next.
    pub(super) fn next(&mut self) -> Option<Batch> {
        let tenant = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&tenant)?;
        let count = lane.waiting.len().min(MOST);
        lane.busy = true;
        Some(Batch { tenant, steps: lane.waiting.drain(..count).collect(), failures: lane.failures })
    }

    /// A batch was written, or not.
    pub(super) fn done(&mut self, written: Written) {
        let Written { tenant, left } = written;
        let Some(lane) = self.lanes.get_mut(&tenant) else { return };
        lane.busy = false;
        lane.failures = if left.is_empty() { 0 } else { lane.failures.saturating_add(1) };
        for step in left.into_iter().rev() {
            lane.waiting.push_front(step);
        }
        if lane.waiting.is_empty() {
            self.lanes.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
    }

    /// Whether all is written.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::SessionId;

    fn tenant(number: u128) -> TenantId {
        TenantId::from_verified(Uuid::from_u128(number))
    }

    fn step(number: u128) -> Step {
        Step::Connected(SessionId::from_uuid(Uuid::from_u128(number)))
    }

    fn numbers(steps: &[Step]) -> Vec<u128> {
        let number = |step: &Step| match step {
            Step::Connected(id) => id.as_uuid().as_u128(),
            Step::Ended(closing) => closing.id.as_uuid().as_u128(),
        };
        steps.iter().map(number).collect()
    }

    #[test]
    fn many_of_one_tenant_are_in_nobodys_way() {
        let mut desk = Desk::default();
        for number in 0..10_000 {
            desk.add(tenant(1), step(number));
        }
        desk.add(tenant(2), step(1));
        let (hers, his) = (desk.next().unwrap(), desk.next().unwrap());
        assert_eq!((hers.steps.len(), his.tenant, his.steps.len()), (MOST, tenant(2), 1));
        assert!(desk.next().is_none(), "a tenant has one batch at a time, so that its order holds");
        desk.done(Written { tenant: tenant(1), left: Vec::new() });
        desk.add(tenant(3), step(1));
        assert_eq!(desk.next().unwrap().steps.len(), MOST);
        assert_eq!(desk.next().unwrap().tenant, tenant(3));
    }

    #[test]
    fn what_was_not_written_comes_again_before_what_follows() {
        let mut desk = Desk::default();
        (0..3).for_each(|number| desk.add(tenant(1), step(number)));
        let batch = desk.next().unwrap();
        desk.add(tenant(1), step(3));
        assert!(desk.next().is_none());
        desk.done(Written { tenant: tenant(1), left: batch.steps[1..].to_vec() });
        let again = desk.next().unwrap();
        assert_eq!((numbers(&again.steps), again.failures), (vec![1, 2, 3], 1));
        desk.done(Written { tenant: tenant(1), left: Vec::new() });
        assert!(desk.is_empty() && desk.next().is_none());
        desk.add(tenant(1), step(4));
        assert_eq!(desk.next().unwrap().failures, 0);
    }
}
