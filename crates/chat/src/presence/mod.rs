//! Who is there: connected to this process, or to another that said so a moment ago. It is in no log, and a few seconds
//! late.

mod seen;
mod work;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;
use veza_core::TenantId;

pub(crate) use self::seen::last_seen;
pub(crate) use self::work::work;
use crate::hub::{Item, Outbox};
use crate::id::MemberId;

/// People that a connection may watch.
pub const MAX_WATCHED: usize = 200;
/// Others that were not spoken of for so long are not there any more.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// Somebody of a tenant.
pub(crate) type Whose = (TenantId, MemberId);

/// Whether somebody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Presence {
    /// Who.
    #[cfg_attr(feature = "http", schema(value_type = uuid::Uuid))]
    pub member: MemberId,
    /// Whether they are connected.
    pub online: bool,
    /// When they were connected last, about; absent for who never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<DateTime<Utc>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    people: HashMap<Whose, Person>,
    watchers: HashMap<Whose, Vec<Weak<Outbox>>>,
    /// Who came or went since somebody looked last.
    changed: HashSet<Whose>,
}

#[derive(Debug, Default)]
struct Person {
    /// Connections to this process.
    here: u32,
    /// Processes that said that they are there, and when.
    elsewhere: HashMap<Uuid, Instant>,
}

impl Person {
    fn is_online(&self) -> bool {
        self.here > 0 || !self.elsewhere.is_empty()
    }
}

/// What changed: who was told of it, and how they are now.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Those who came to this process or left it.
    pub(crate) here: Vec<(Whose, bool)>,
    /// Whom to tell.
    pub(crate) told: Vec<(Whose, bool, Vec<Arc<Outbox>>)>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody connects.
    pub(crate) fn enter(&self, who: Whose) {
        let mut state = self.lock();
        let person = state.people.entry(who).or_default();
        person.here += 1;
        if person.here == 1 {
            state.changed.insert(who);
        }
    }

    /// One of somebody's connections ends.
    pub(crate) fn leave(&self, who: Whose) {
        let mut state = self.lock();
        let Some(person) = state.people.get_mut(&who) else { return };
        person.here = person.here.saturating_sub(1);
        if person.here == 0 {
            state.changed.insert(who);
        }
    }

    /// Another process says who is there.
    #[cfg(feature = "redis")]
    pub(crate) fn heard(&self, node: Uuid, who: Whose, online: bool) {
        let mut state = self.lock();
        let person = state.people.entry(who).or_default();
        let before = person.is_online();
        if online {
            person.elsewhere.insert(node, Instant::now());
        } else {
            person.elsewhere.remove(&node);
        }
        if person.is_online() != before {
            state.changed.insert(who);
        }
    }

    /// Whether somebody is there.
    pub(crate) fn is_online(&self, who: Whose) -> bool {
        self.lock().people.get(&who).is_some_and(Person::is_online)
    }

    /// A connection wants to know when somebody comes or goes.
    pub(crate) fn watch(&self, who: Whose, outbox: &Arc<Outbox>) {
        self.lock().watchers.entry(who).or_default().push(Arc::downgrade(outbox));
    }

    /// It does not any more.
    pub(crate) fn unwatch(&self, who: Whose, outbox: &Arc<Outbox>) {
        let mut state = self.lock();
        if let Some(watchers) = state.watchers.get_mut(&who) {
            watchers.retain(|watcher| {
                watcher.strong_count() > 0 && !std::ptr::eq(watcher.as_ptr(), &raw const **outbox)
            });
            if watchers.is_empty() {
                state.watchers.remove(&who);
            }
        }
    }

    /// Everybody who is connected to this process.
    pub(crate) fn here(&self) -> Vec<Whose> {
        self.lock().people.iter().filter(|(_, person)| person.here > 0).map(|(who, _)| *who).collect()
    }

    /// What changed since the last time. Those of whom nobody spoke for long are gone.
    pub(crate) fn changes(&self) -> Changes {
        let now = Instant::now();
        let mut state = self.lock();
        let State { people, watchers, changed } = &mut *state;
        people.retain(|who, person| {
            let before = person.is_online();
            person.elsewhere.retain(|_, when| now - *when < FORGOTTEN);
            if before && !person.is_online() {
                changed.insert(*who);
            }
            person.is_online() || changed.contains(who)
        });
        let mut changes = Changes::default();
        for who in std::mem::take(changed) {
            let person = people.get(&who);
            let online = person.is_some_and(Person::is_online);
            changes.here.push((who, person.is_some_and(|person| person.here > 0)));
            let watching = watchers.get(&who).map(|all| all.iter().filter_map(Weak::upgrade).collect());
            changes.told.push((who, online, watching.unwrap_or_default()));
            if !online {
                people.remove(&who);
            }
        }
        changes
    }
}

impl Changes {
    /// Tells those who watch.
    fn tell(&self, now: DateTime<Utc>) {
        for (who, online, watchers) in &self.told {
            let presence = Presence { member: who.1, online: *online, last_seen: Some(now) };
            for watcher in watchers {
                watcher.push_if_room(Item::Presence(presence));
            }
        }
    }
}
