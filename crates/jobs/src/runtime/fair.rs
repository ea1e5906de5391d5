//! Whose jobs come next: start-time fair queueing over the lanes of one queue, as a plain state
//! machine. Time that jobs take is what tenants pay with, so slow jobs count for what they are.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use veza_core::TenantId;

/// One tenant's jobs in the queue, as far as this process knows.
#[derive(Debug)]
struct Lane {
    /// Virtual start time of its next job, in microseconds of work by weight.
    start: u64,
    weight: u64,
    /// No ready job has a lower rank, for all we know.
    floor: i64,
    /// Something may be ready.
    waiting: bool,
    /// A claim is under way.
    asked: bool,
    running: u32,
    /// It has a cap or a rate: room may come when a job ends, without a bell.
    limited: bool,
    /// What a job of it takes, as a moving average.
    cost: u64,
}

/// What a lane may have of the next claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) tenant: TenantId,
    pub(crate) count: u32,
    pub(crate) floor: i64,
}

/// The lanes of one queue, and the slots of this process.
#[derive(Debug)]
pub(crate) struct Fair {
    lanes: HashMap<TenantId, Lane>,
    /// Lanes that may be asked, by virtual start time.
    order: BTreeSet<(u64, TenantId)>,
    /// The virtual time: where the last turn began.
    now: u64,
    slots: u32,
    per_tenant: u32,
    used: u32,
}

/// No claim asks more lanes.
const LANES_PER_CLAIM: usize = 100;
/// What a job is thought to take, in microseconds, before one has run.
const FIRST_COST: u64 = 1_000;

impl Fair {
    /// `slots` jobs at once in this process, `per_tenant` of them of one tenant at most.
    pub(crate) fn new(slots: u32, per_tenant: Option<u32>) -> Self {
        Self {
            lanes: HashMap::new(),
            order: BTreeSet::new(),
            now: 0,
            slots,
            per_tenant: per_tenant.unwrap_or(slots).max(1),
            used: 0,
        }
    }

    /// Something of `tenant` is ready, at `rank` or after it.
    pub(crate) fn arrive(&mut self, tenant: TenantId, rank: i64) {
        let lane = self.lane(tenant);
        lane.floor = lane.floor.min(rank);
        lane.waiting = true;
        self.queue(tenant);
    }

    /// What the database knows of a lane that has something ready.
    pub(crate) fn learn(&mut self, tenant: TenantId, rank: i64, weight: i32, limited: bool) {
        let lane = self.lane(tenant);
        if !lane.asked {
            lane.floor = rank;
        }
        lane.weight = u64::try_from(weight).unwrap_or(1).max(1);
        lane.limited = limited;
        lane.waiting = true;
        self.queue(tenant);
    }

    /// The lanes to ask now, and how much of each, `at_most` in all. What is taken is set aside until
    /// [`Fair::answer`].
    pub(crate) fn pick(&mut self, at_most: u32) -> Vec<Turn> {
        let mut turns: HashMap<TenantId, u32> = HashMap::new();
        let mut passed = Vec::new();
        // The last eighth of the slots is for tenants that run little: less than what is left of it, so that a
        // newcomer finds one.
        let kept = self.slots / 8;
        let mut picked = 0;
        while self.used < self.slots && picked < at_most && turns.len() < LANES_PER_CLAIM {
            let Some((start, tenant)) = self.order.pop_first() else { break };
            let free = self.slots - self.used;
            let Some(lane) = self.lanes.get_mut(&tenant) else { continue };
            let taken = turns.get(&tenant).copied().unwrap_or(0);
            let has = lane.running + taken;
            if has >= self.per_tenant || (free <= kept && has >= free) {
                passed.push((start, tenant));
                continue;
            }
            self.now = self.now.max(start);
            lane.start = start + lane.cost.max(1) / lane.weight;
            *turns.entry(tenant).or_default() += 1;
            self.used += 1;
            picked += 1;
            self.order.insert((lane.start, tenant));
        }
        self.order.extend(passed);
        turns.into_iter().map(|(tenant, count)| self.turn(tenant, count)).collect()
    }

    fn turn(&mut self, tenant: TenantId, count: u32) -> Turn {
        let mut floor = 0;
        if let Some(lane) = self.lanes.get_mut(&tenant) {
            lane.asked = true;
            lane.waiting = false;
            floor = lane.floor;
            // Only a bell that rings meanwhile may lower it again.
            lane.floor = i64::MAX;
            self.order.remove(&(lane.start, tenant));
        }
        Turn { tenant, count, floor }
    }

    /// What the lane gave: `got` jobs, the last of which has the rank `last`.
    pub(crate) fn answer(&mut self, turn: &Turn, got: u32, last: Option<i64>, limited: bool) {
        let unused = turn.count.saturating_sub(got);
        self.used = self.used.saturating_sub(unused);
        let Some(lane) = self.lanes.get_mut(&turn.tenant) else { return };
        lane.asked = false;
        lane.running += got;
        lane.limited |= limited;
        lane.start = lane.start.saturating_sub(u64::from(unused) * (lane.cost.max(1) / lane.weight));
        lane.floor = lane.floor.min(last.unwrap_or(turn.floor));
        lane.waiting |= unused == 0;
        self.settle(turn.tenant);
    }

    /// The claim failed: everything is as before.
    pub(crate) fn failed(&mut self, turn: &Turn) {
        self.answer(turn, 0, None, false);
        self.arrive(turn.tenant, turn.floor);
    }

    /// A job has ended after `took`.
    pub(crate) fn finish(&mut self, tenant: TenantId, took: Duration) {
        self.used = self.used.saturating_sub(1);
        let Some(lane) = self.lanes.get_mut(&tenant) else { return };
        lane.running = lane.running.saturating_sub(1);
        lane.waiting |= lane.limited;
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 1024).min(3_600_000_000);
        let in_order = self.order.remove(&(lane.start, tenant));
        // What it took beyond what it was charged is charged now.
        if took > lane.cost {
            lane.start = lane.start.saturating_add((took - lane.cost) / lane.weight);
        }
        lane.cost = lane.cost / 8 * 7 + took / 8;
        if in_order {
            self.order.insert((lane.start, tenant));
        }
        self.settle(tenant);
    }

    /// Forgets lanes that have nothing and owe nothing any more. Call it now and then.
    pub(crate) fn tidy(&mut self) {
        let now = self.now;
        self.lanes.retain(|_, lane| lane.waiting || lane.asked || lane.running > 0 || lane.start > now);
        if self.used == 0 && self.order.is_empty() {
            // Nobody competes, so no debt is left.
            self.lanes.clear();
        }
    }

    /// Jobs under way, those being claimed included.
    pub(crate) fn used(&self) -> u32 {
        self.used
    }

    fn lane(&mut self, tenant: TenantId) -> &mut Lane {
        let now = self.now;
        self.lanes.entry(tenant).or_insert_with(|| Lane {
            start: now,
            weight: 1,
            floor: i64::MAX,
            waiting: false,
            asked: false,
            running: 0,
            limited: false,
            cost: FIRST_COST,
        })
    }

    /// Puts a lane that may have something where its turn is.
    fn settle(&mut self, tenant: TenantId) {
        if self.lanes.get(&tenant).is_some_and(|lane| lane.waiting) {
            self.queue(tenant);
        }
    }

    fn queue(&mut self, tenant: TenantId) {
        let now = self.now;
        let Some(lane) = self.lanes.get_mut(&tenant).filter(|lane| !lane.asked) else { return };
        if !self.order.contains(&(lane.start, tenant)) {
            // Who comes back gets no credit for the time away.
            lane.start = lane.start.max(now);
            self.order.insert((lane.start, tenant));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tenant(number: u128) -> TenantId {
        TenantId::from_verified(Uuid::from_u128(number))
    }

    fn counts(fair: &mut Fair) -> HashMap<TenantId, u32> {
        fair.pick(500).into_iter().map(|turn| (turn.tenant, turn.count)).collect()
    }

    #[test]
    fn slots_are_shared_by_weight() {
        let mut fair = Fair::new(80, None);
        fair.learn(tenant(1), 0, 1, false);
        fair.learn(tenant(2), 0, 3, false);
        let shares = counts(&mut fair);
        // An eighth is kept for others.
        assert_eq!(shares.values().sum::<u32>(), 70);
        assert!(shares[&tenant(2)].abs_diff(3 * shares[&tenant(1)]) <= 3, "{shares:?}");
    }

    #[test]
    fn a_newcomer_goes_first_and_finds_a_slot() {
        let mut fair = Fair::new(16, None);
        fair.arrive(tenant(1), 0);
        let turns = fair.pick(500);
        assert_eq!(turns[0].count, 14);
        fair.answer(&turns[0], 14, Some(5), false);
        assert!(fair.pick(500).is_empty(), "the rest is kept");
        fair.arrive(tenant(2), 7);
        let turns = fair.pick(500);
        assert_eq!(turns, [Turn { tenant: tenant(2), count: 1, floor: 7 }]);
    }

    #[test]
    fn slow_jobs_cost_more_turns() {
        let mut fair = Fair::new(1, None);
        let mut turns = HashMap::new();
        for _ in 0..100 {
            fair.arrive(tenant(1), 0);
            fair.arrive(tenant(2), 0);
            let turn = fair.pick(500).remove(0);
            *turns.entry(turn.tenant).or_insert(0_u32) += 1;
            fair.answer(&turn, 1, Some(0), false);
            let took = if turn.tenant == tenant(1) { 90 } else { 10 };
            fair.finish(turn.tenant, Duration::from_millis(took));
        }
        assert!(turns[&tenant(2)] > 5 * turns[&tenant(1)], "{turns:?}");
    }

    #[test]
    fn a_lane_that_gave_less_is_asked_again_when_the_bell_rings() {
        let mut fair = Fair::new(4, None);
        fair.arrive(tenant(1), 10);
        let turn = fair.pick(500).remove(0);
        assert_eq!((turn.count, turn.floor), (4, 10));
        // Rings while the claim is under way, for a job that committed late.
        fair.arrive(tenant(1), 3);
        fair.answer(&turn, 1, Some(12), false);
        let next = fair.pick(500).remove(0);
        assert_eq!((next.count, next.floor), (3, 3));
        fair.answer(&next, 1, Some(3), false);
        assert!(fair.pick(500).is_empty());
        fair.finish(tenant(1), Duration::ZERO);
        assert!(fair.pick(500).is_empty(), "nothing rang");
    }

    #[test]
    fn room_in_a_limited_lane_comes_without_a_bell() {
        let mut fair = Fair::new(4, None);
        fair.learn(tenant(1), 0, 1, true);
        let turn = fair.pick(500).remove(0);
        fair.answer(&turn, 1, Some(1), true);
        assert!(fair.pick(500).is_empty());
        fair.finish(tenant(1), Duration::ZERO);
        assert_eq!(fair.pick(500).len(), 1);
    }

    #[test]
    fn nobody_has_more_than_the_share_of_a_tenant() {
        let mut fair = Fair::new(16, Some(4));
        fair.arrive(tenant(1), 0);
        assert_eq!(fair.pick(500)[0].count, 4);
    }

    #[test]
    fn lanes_are_forgotten_and_slots_come_back() {
        let mut fair = Fair::new(8, None);
        for number in 0..1_000 {
            fair.arrive(tenant(number), 0);
            for turn in fair.pick(500) {
                fair.answer(&turn, 1, Some(0), false);
                fair.finish(turn.tenant, Duration::from_millis(1));
            }
        }
        assert_eq!(fair.used(), 0);
        fair.tidy();
        assert!(fair.lanes.is_empty(), "{}", fair.lanes.len());
    }
}
