//! The routes below `/v1/jobs`.

mod bindings;
mod exchanges;
mod jobs;
mod lanes;
mod messages;
mod queues;
mod redrives;
mod schedule_bodies;
mod schedules;

use actix_web::web::Data;
use veza_core::TenantScope;
use veza_web::Routes;

use crate::error::Error;
use crate::queue::QueueName;
use crate::service::Jobs;

/// What the handlers share.
#[derive(Debug)]
struct State {
    jobs: Jobs,
}

/// Registers all routes of this crate.
pub fn routes(jobs: Jobs) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    let state = Data::new(State { jobs });
    move |routes| {
        routes.app_data(state.clone());
        queues::routes(routes);
        messages::routes(routes);
        lanes::routes(routes);
        redrives::routes(routes);
        exchanges::routes(routes);
        bindings::routes(routes);
        schedules::routes(routes);
        // Last, because a job's id stands where the others have a word.
        jobs::routes(routes);
    }
}

veza_web::missing!(
    Error::NotFound;
    NoQueue = "queue",
    NoLane = "lane",
    NoJob = "job",
    NoRedrive = "redrive",
    NoExchange = "exchange",
    NoBinding = "binding",
    NoSchedule = "schedule"
);

/// The queue that a field names.
fn queue(field: &'static str, name: &str) -> Result<QueueName, Error> {
    let rule = "a program's queue, or `pull:` and the name of a pull queue";
    QueueName::parse(name).map_err(|_its_rule| Error::field(field, "name", rule))
}

/// The pull queue that the field `/queue` names: nobody outside makes jobs of a program.
fn pull_queue(name: &str) -> Result<QueueName, Error> {
    let rule = "`pull:` and the name of a pull queue; only programs send to queues of programs";
    let queue = QueueName::parse(name).ok().filter(QueueName::is_pull);
    queue.ok_or_else(|| Error::field("/queue", "not_pull", rule))
}

/// The queue of a lane that the tenant has.
fn lane_of(tx: &mut impl TenantScope, field: &'static str, name: &str) -> Result<QueueName, Error> {
    let queue = queue(field, name)?;
    match crate::admin::lanes::find(tx, &queue) {
        Err(Error::NotFound(_)) => Err(Error::field(field, "unknown", "a queue that there is")),
        found => found.map(|_lane| queue),
    }
}
