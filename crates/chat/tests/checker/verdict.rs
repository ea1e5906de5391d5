//! Whether what was promised was kept.

use std::collections::HashMap;
use std::fmt;
use std::time::Instant;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use uuid::Uuid;
use veza_chat::RoomId;
use veza_testing::{Superuser, TestDatabase};

use crate::history::{Inner, Wrong};
use crate::world::Organisation;

/// What is told of the first broken promises.
const TOLD: usize = 5;

/// Of one schedule, or of several.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) acknowledged: u64,
    seen: u64,
    lost: u64,
    duplicated: u64,
    reordered: u64,
    other: u64,
    examples: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.lost + self.duplicated + self.reordered + self.other == 0
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.seen += other.seen;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.other += other.other;
    }

    fn note(&mut self, wrong: Wrong, what: String) {
        *match wrong {
            Wrong::Lost => &mut self.lost,
            Wrong::Duplicated => &mut self.duplicated,
            Wrong::Reordered => &mut self.reordered,
            Wrong::Other => &mut self.other,
        } += 1;
        if self.examples.len() < TOLD {
            self.examples.push(format!("{wrong:?}: {what}"));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, seen, lost, duplicated, reordered, other, examples } = self;
        write!(
            f,
            "{acknowledged} messages acknowledged, {seen} events seen; {lost} lost, {duplicated} duplicated, {reordered} \
             reordered, {other} otherwise wrong"
        )?;
        examples.iter().try_for_each(|example| write!(f, "\n  {example}"))
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    /// The first characters of a message.
    #[diesel(sql_type = Text)]
    text: String,
}

fn log(superuser: &mut Superuser, room: RoomId) -> Vec<Row> {
    let query = diesel::sql_query(
        "SELECT seq, kind::text AS kind, left(coalesce(body::jsonb ->> 'text', ''), 36) AS text FROM chat.events \
         WHERE room_id = $1 ORDER BY seq",
    );
    query.bind::<SqlUuid, _>(room.as_uuid()).load(superuser.connection()).unwrap()
}

fn rooms(organisations: &[Organisation; 2]) -> impl Iterator<Item = RoomId> {
    organisations.iter().flat_map(|organisation| organisation.rooms.iter().copied())
}

/// The last event of each room.
pub(crate) fn heads(database: &TestDatabase, organisations: &[Organisation; 2]) -> HashMap<RoomId, i64> {
    let mut superuser = database.superuser();
    let mut last = |room| log(&mut superuser, room).last().map_or(0, |row| row.seq);
    rooms(organisations).map(|room| (room, last(room))).collect()
}

/// Compares what clients did and saw with the log.
pub(crate) fn judge(database: &TestDatabase, organisations: &[Organisation; 2], history: Inner) -> Verdict {
    let mut verdict = Verdict { seen: history.seen, ..Verdict::default() };
    for (wrong, what) in &history.wrong {
        verdict.note(*wrong, what.clone());
    }
    let mut stored: HashMap<(RoomId, Uuid), Vec<i64>> = HashMap::new();
    let mut superuser = database.superuser();
    for room in rooms(organisations) {
        let mut expected = 1;
        for row in log(&mut superuser, room) {
            if row.seq != expected {
                verdict
                    .note(Wrong::Lost, format!("the log of {room} has {} where {expected} belongs", row.seq));
            }
            expected = row.seq + 1;
            let same = history.events.get(&(room, row.seq)).is_some_and(|text| {
                text.contains(&format!(r#""kind":"{}""#, row.kind)) && text.contains(row.text.as_str())
            });
            if !same {
                verdict.note(Wrong::Other, format!("{} of {room} was seen otherwise, or by nobody", row.seq));
            }
            if row.kind == "message"
                && let Ok(client) = row.text.parse()
            {
                stored.entry((room, client)).or_default().push(row.seq);
            }
        }
    }
    sendings(&mut verdict, &history, &stored);
    in_time(&mut verdict, &history);
    verdict
}

fn sendings(verdict: &mut Verdict, history: &Inner, stored: &HashMap<(RoomId, Uuid), Vec<i64>>) {
    for (client, sending) in &history.sendings {
        let seqs = stored.get(&(sending.room, *client)).map(Vec::as_slice).unwrap_or_default();
        if seqs.len() > 1 {
            verdict.note(Wrong::Duplicated, format!("{client} is stored as {seqs:?}"));
        }
        if let Some((seq, _)) = sending.acknowledged {
            verdict.acknowledged += 1;
            if !seqs.contains(&seq) {
                let what = format!("{client} was acknowledged as {seq} of {}, and is {seqs:?}", sending.room);
                verdict.note(Wrong::Lost, what);
            }
        }
    }
    for (room, client) in stored.keys() {
        if history.sendings.get(client).is_none_or(|sending| sending.room != *room) {
            verdict.note(Wrong::Other, format!("{client} is in {room}, where nobody sent it"));
        }
    }
}

/// What was begun after another message was acknowledged stands behind it.
fn in_time(verdict: &mut Verdict, history: &Inner) {
    let mut rooms: HashMap<RoomId, Vec<(Instant, Instant, i64)>> = HashMap::new();
    for sending in history.sendings.values() {
        if let Some((seq, said)) = sending.acknowledged {
            rooms.entry(sending.room).or_default().push((sending.begun, said, seq));
        }
    }
    for (room, sendings) in rooms {
        let mut said: Vec<(Instant, i64)> = sendings.iter().map(|(_, said, seq)| (*said, *seq)).collect();
        said.sort_unstable();
        let mut begun: Vec<(Instant, i64)> = sendings.iter().map(|(begun, _, seq)| (*begun, *seq)).collect();
        begun.sort_unstable();
        let (mut next, mut highest) = (said.into_iter().peekable(), 0);
        for (begun, seq) in begun {
            while let Some((_, earlier)) = next.next_if(|(said, _)| *said < begun) {
                highest = highest.max(earlier);
            }
            if seq < highest {
                let what = format!("{seq} of {room} was begun when {highest} was acknowledged");
                verdict.note(Wrong::Reordered, what);
            }
        }
    }
}
