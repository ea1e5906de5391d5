//! What waits to be written: tenants take turns.

use std::collections::{HashMap, HashSet, VecDeque};

use uuid::Uuid;
use veza_core::TenantId;

use super::Pending;
use crate::event::Place;
use crate::id::MemberId;

/// Messages of one commit at most.
const BATCH_MESSAGES: usize = 500;
/// Bytes of their bodies.
const BATCH_BYTES: usize = 256 * 1024;

/// Messages by tenant. A tenant whose turn it is gives one message.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lanes: HashMap<TenantId, VecDeque<Pending>>,
    turns: VecDeque<TenantId>,
    len: usize,
    max: usize,
    max_of_tenant: usize,
}

type Name = (Place, MemberId, Uuid);

impl Queue {
    pub(super) fn new(max: usize, max_of_tenant: usize) -> Self {
        Self { max, max_of_tenant, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Queues a message, or gives it back when it is one too many.
    #[allow(clippy::result_large_err, reason = "it is the message itself")]
    pub(super) fn push(&mut self, pending: Pending) -> Result<(), Pending> {
        let tenant = pending.place.tenant;
        let lane = self.lanes.entry(tenant).or_default();
        if self.len >= self.max || lane.len() >= self.max_of_tenant {
            return Err(pending);
        }
        if lane.is_empty() {
            self.turns.push_back(tenant);
        }
        lane.push_back(pending);
        self.len += 1;
        Ok(())
    }

    /// The next batch; empty when nothing waits. No two of it are the same message sent twice: the second finds the
    /// first one stored.
    pub(super) fn take(&mut self) -> Vec<Pending> {
        let mut batch = Vec::new();
        let mut names: HashSet<Name> = HashSet::new();
        let mut blocked = VecDeque::new();
        let mut bytes = 0;
        while batch.len() < BATCH_MESSAGES
            && bytes < BATCH_BYTES
            && let Some(tenant) = self.turns.pop_front()
        {
            let Some(lane) = self.lanes.get_mut(&tenant) else { continue };
            let Some(next) = lane.pop_front() else { continue };
            if let Some(client) = next.client
                && !names.insert((next.place, next.by, client))
            {
                lane.push_front(next);
                blocked.push_back(tenant);
                continue;
            }
            bytes += next.body.len();
            self.len -= 1;
            batch.push(next);
            if lane.is_empty() {
                self.lanes.remove(&tenant);
            } else {
                self.turns.push_back(tenant);
            }
        }
        blocked.append(&mut self.turns);
        self.turns = blocked;
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::*;
    use crate::id::RoomId;

    fn pending(tenant: u128, client: u128) -> Pending {
        let place = Place {
            tenant: TenantId::from_verified(Uuid::from_u128(tenant)),
            room: RoomId::from_uuid(Uuid::from_u128(1)),
        };
        Pending {
            place,
            by: MemberId::from_uuid(Uuid::from_u128(2)),
            free: false,
            client: Some(Uuid::from_u128(client)),
            target: None,
            body: Arc::from("{}"),
            answer: oneshot::channel().0,
        }
    }

    fn taken(queue: &mut Queue) -> Vec<(u128, u128)> {
        let name = |p: Pending| (p.place.tenant.as_uuid().as_u128(), p.client.unwrap().as_u128());
        queue.take().into_iter().map(name).collect()
    }

    #[test]
    fn tenants_take_turns() {
        let mut queue = Queue::new(1_000, 800);
        for client in 0..700 {
            queue.push(pending(1, client)).unwrap();
        }
        queue.push(pending(2, 1)).unwrap();
        queue.push(pending(2, 2)).unwrap();
        let first = taken(&mut queue);
        assert_eq!(first.len(), BATCH_MESSAGES);
        assert_eq!(first[..5], [(1, 0), (2, 1), (1, 1), (2, 2), (1, 2)]);
        assert_eq!(taken(&mut queue).len(), 202);
        assert!(taken(&mut queue).is_empty());
        assert_eq!((queue.len(), queue.lanes.len(), queue.turns.len()), (0, 0, 0));
    }

    #[test]
    fn the_same_message_twice_takes_two_batches() {
        let mut queue = Queue::new(1_000, 1_000);
        for client in [7, 7, 8] {
            queue.push(pending(1, client)).unwrap();
        }
        queue.push(pending(2, 7)).unwrap();
        assert_eq!(taken(&mut queue), [(1, 7), (2, 7)]);
        assert_eq!(taken(&mut queue), [(1, 7), (1, 8)]);
        assert!(taken(&mut queue).is_empty());
    }

    #[test]
    fn one_too_many_is_refused() {
        let mut queue = Queue::new(3, 2);
        queue.push(pending(1, 1)).unwrap();
        queue.push(pending(1, 2)).unwrap();
        assert!(queue.push(pending(1, 3)).is_err());
        queue.push(pending(2, 1)).unwrap();
        assert!(queue.push(pending(3, 1)).is_err());
        assert_eq!(taken(&mut queue).len(), 3);
    }
}
