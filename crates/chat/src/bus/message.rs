//! What goes over the bus, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use veza_core::TenantId;

use super::News;
use crate::event::{Event, Place};
use crate::hub::{Hub, Signal, SignalKind, shard_of};
use crate::id::{MemberId, RoomId};
use crate::presence::Board;

/// One message: what happened in rooms of one shard.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Message {
    /// Who tells it: it has heard already.
    pub(super) by: Uuid,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<(Uuid, RoomId, Event)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    heads: Vec<(Uuid, RoomId, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    signals: Vec<(Uuid, RoomId, SignalKind, MemberId, Option<i64>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    presence: Vec<(Uuid, MemberId, bool)>,
}

/// Messages of all that is to be told, by shard; without one, for everybody.
pub(super) fn messages(by: Uuid, news: Vec<News>) -> BTreeMap<Option<usize>, Message> {
    let mut messages = BTreeMap::new();
    for news in news {
        match news {
            News::Events(events) => {
                for (place, event) in events {
                    message(&mut messages, by, place).events.push((
                        place.tenant.as_uuid(),
                        place.room,
                        event,
                    ));
                }
            }
            News::Head(place, seq) => {
                message(&mut messages, by, place).heads.push((place.tenant.as_uuid(), place.room, seq));
            }
            News::Signal(Signal { place, kind, by: who, seq }) => {
                let signal = (place.tenant.as_uuid(), place.room, kind, who, seq);
                message(&mut messages, by, place).signals.push(signal);
            }
            News::Presence(people) => {
                let all = people.into_iter().map(|((tenant, who), online)| (tenant.as_uuid(), who, online));
                let everybody = messages.entry(None).or_insert_with(|| Message { by, ..Message::default() });
                everybody.presence.extend(all);
            }
        }
    }
    messages
}

fn message(messages: &mut BTreeMap<Option<usize>, Message>, by: Uuid, place: Place) -> &mut Message {
    messages.entry(Some(shard_of(place.room))).or_insert_with(|| Message { by, ..Message::default() })
}

impl Message {
    /// Tells those of this process. A room that nobody listens to here is passed over, so no tenant is named that was
    /// not verified when somebody began to.
    pub(super) fn tell(self, hub: &Hub, board: &Board) {
        let place = |tenant, room| Place { tenant: TenantId::from_verified(tenant), room };
        hub.publish(
            self.events.into_iter().map(|(tenant, room, event)| (place(tenant, room), event)).collect(),
        );
        for (tenant, room, seq) in self.heads {
            hub.hear(place(tenant, room), seq);
        }
        for (tenant, room, kind, by, seq) in self.signals {
            hub.signal(Signal { place: place(tenant, room), kind, by, seq });
        }
        for (tenant, who, online) in self.presence {
            board.heard(self.by, (TenantId::from_verified(tenant), who), online);
        }
    }
}
