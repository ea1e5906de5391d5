//! Topics: an event is published once, and everybody who wants it gets a job of their own.
//!
//! An event goes to an [`Exchange`] with a routing key such as `property.updated`. Each [`Binding`] of
//! the exchange that matches gets one job in its queue, with that queue's retries, limits and dead
//! letters. Tenants make bindings; programs declare a [`Subscription`] for all tenants.

mod bind;
mod binding;
mod condition;
mod event;
mod exchange;
mod filter;
mod outside;
mod pattern;
mod publish;
mod replay;
mod replaying;
mod route;
mod subscription;

pub use self::{
    bind::{MAX_BINDINGS, NewBinding, bind},
    binding::{Binding, FilterScope, binding, bindings, pause, unbind},
    event::{Event, MAX_HOPS},
    exchange::{
        Exchange, ExchangeKind, MAX_EXCHANGES, MAX_KEEP_DAYS, NewExchange, create_exchange, exchange,
        exchanges, remove_exchange, update_exchange,
    },
    filter::{Filter, MAX_ELEMENTS, MAX_FILTER_BYTES, MAX_FILTER_KEYS, MAX_FILTER_VALUES},
    outside::{NewEvent, post},
    pattern::{MAX_ROUTING_KEY, Pattern},
    publish::{PublishOptions, Published, publish, publish_all},
    replay::{MAX_REPLAYS, Replay, replay, replays},
    route::MAX_PUBLISHED_BYTES,
    subscription::Subscription,
};
pub(crate) use self::{
    replaying::{longest_keep, step as replay_step, sweep as sweep_replays},
    subscription::{declare, withdraw},
};
