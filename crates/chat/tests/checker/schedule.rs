//! One schedule, from new rooms to the verdict.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use veza_chat::RoomId;
use veza_chat::client::Endpoint;
use veza_testing::TestDatabase;

use crate::dice::Dice;
use crate::follower::Follower;
use crate::history::History;
use crate::proxy::Proxy;
use crate::raw::Raw;
use crate::services::Services;
use crate::steady::{Steady, in_time};
use crate::verdict::{self, Verdict};
use crate::person::Person;
use crate::world::{self, Organisation};

/// Pieces of trouble.
const TROUBLES: u64 = 4;

/// Some schedules leave it to each process to find out what others wrote, which takes it longer.
const LEFT_ALONE: u64 = 6;

pub(crate) fn run(runtime: &Runtime, services: &mut Services, seed: u64) -> Verdict {
    let (database, history) = (services.database().clone(), Arc::new(History::default()));
    let mut dice = Dice::new(seed, 0);
    let db = database.open(TestDatabase::small_pool());
    let organisations = runtime.block_on(world::make(&db, seed));
    runtime.block_on(world::fill(&db, &organisations, &history, &mut Dice::new(seed, 3)));
    let proxy = runtime.block_on(Proxy::start(Arc::clone(services.ports()), Dice::new(seed, 1)));
    let (stop, stopped) = watch::channel(false);
    let people = People { organisations: &organisations, history: &history, seed };
    let guard = runtime.enter();
    let raws: Vec<_> = people.raws(&proxy.endpoint()).collect();
    let raws: Vec<_> = raws.into_iter().map(|raw| tokio::spawn(raw.run(stopped.clone()))).collect();
    let steady: Vec<_> = people.steady(&proxy.endpoint()).collect();
    let steady: Vec<_> = steady.into_iter().map(|one| tokio::spawn(one.run(stopped.clone()))).collect();
    for _ in 0..TROUBLES {
        sleep(Duration::from_millis(100 + dice.below(150)));
        services.trouble(&mut dice, &proxy);
    }
    sleep(Duration::from_millis(100));
    proxy.calm();
    stop.send_replace(true);
    let settled = async { (join_all(raws).await, join_all(steady).await) };
    let (raws, steady) = runtime.block_on(in_time("settling", settled));
    // Those whose connection was to be cut still would be in the way of each other's end.
    proxy.cut();
    let heads = verdict::heads(&database, &organisations);
    let nodes: Vec<u16> = services.ports().lock().unwrap().clone();
    let observe = async {
        join_all(people.observers(&nodes).map(|(raw, rooms)| {
            let heads = heads.iter().filter(|(room, _)| rooms.contains(room));
            raw.finish(stopped.clone(), heads.map(|(room, head)| (*room, *head)).collect())
        }))
        .await
    };
    let finish = async {
        let calm = join_all(steady.into_iter().map(|one| one.unwrap().finish(heads.clone())));
        if seed.is_multiple_of(LEFT_ALONE) {
            calm.await;
            observe.await;
        } else {
            // Who subscribes tells a process how far a room is.
            observe.await;
            calm.await;
        }
        join_all(raws.into_iter().map(|raw| raw.unwrap().finish(stopped.clone(), heads.clone()))).await;
    };
    runtime.block_on(in_time("the end", finish));
    drop(guard);
    verdict::judge(&database, &organisations, history.take())
}

struct People<'w> {
    organisations: &'w [Organisation; 2],
    history: &'w Arc<History>,
    seed: u64,
}

impl People<'_> {
    /// All but the last of each.
    fn raws(&self, proxy: &Endpoint) -> impl Iterator<Item = Raw> {
        let all = self.organisations.iter().enumerate();
        all.flat_map(move |(place, organisation)| {
            let number = u64::try_from(place).unwrap();
            let people = organisation.people.iter().take(organisation.people.len() - 1);
            people.map(move |me| {
                let name = format!("{} of tenant {place}", me.number);
                let dice = Dice::new(self.seed, 100 * (number + 1) + me.number);
                self.raw(place, *me, name, proxy.clone(), dice)
            })
        })
    }

    fn steady(&self, proxy: &Endpoint) -> impl Iterator<Item = Steady> {
        self.organisations.iter().enumerate().map(move |(place, organisation)| {
            let me = *organisation.people.last().unwrap();
            let name = format!("the steady one of tenant {place}");
            let follower = Follower::new(name, Arc::clone(self.history), &organisation.rooms);
            let dice = Dice::new(self.seed, 1_000 + u64::try_from(place).unwrap());
            Steady::new(me, proxy.clone(), &organisation.rooms, follower, dice)
        })
    }

    /// Who reads everything from the beginning, of each server.
    fn observers(&self, nodes: &[u16]) -> impl Iterator<Item = (Raw, Vec<RoomId>)> {
        nodes.iter().flat_map(move |port| {
            self.organisations.iter().enumerate().map(move |(place, organisation)| {
                let endpoint: Endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
                let name = format!("the observer of tenant {place} at {port}");
                let raw = self.raw(place, organisation.people[0], name, endpoint, Dice::new(self.seed, 2));
                (raw, organisation.rooms.clone())
            })
        })
    }

    fn raw(&self, place: usize, me: Person, name: String, endpoint: Endpoint, dice: Dice) -> Raw {
        let rooms = self.organisations[place].rooms.clone();
        let follower = Follower::new(name, Arc::clone(self.history), &rooms);
        let foreign = self.organisations[1 - place].rooms.clone();
        let (pending, done, open) = (Vec::new(), Vec::new(), HashMap::new());
        Raw { me, proxy: endpoint, rooms, foreign, follower, dice, pending, done, open, last: 0 }
    }
}
