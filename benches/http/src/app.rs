//! Veza as a program embeds it: the platform, and two routes over a table of its own.

use std::sync::Arc;
use std::time::Duration;

use actix_web::get;
use actix_web::web::{Data, ServiceConfig};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use serde::Serialize;
use tracing_subscriber::EnvFilter;
use utoipa::ToSchema;
use uuid::Uuid;
use veza::core::config::{Period, Secret};
use veza::core::db::{Migration, Migrator};
use veza::web::{Authenticated, List, NoRoute, PathOf, Problem, Routes};
use veza::{Config, Db, Platform, Query};

use crate::Outcome;
use crate::options::AppOptions;

const MIGRATIONS: &[Migration] =
    &[Migration { name: "2026-11-21-120000_bench_create_items", sql: include_str!("items.sql") }];

pub fn migrator() -> Migrator {
    Migrator::veza().with(MIGRATIONS)
}

/// Everything as it comes, apart from what keeps a benchmark from running: the limit of requests,
/// and the few minutes that a token lives.
pub fn config(url: &str, port: u16, pool: u32) -> Config {
    let mut config = Config::default();
    config.database.url = Some(Secret::new(url));
    config.database.pool.connections = pool;
    config.web.listen = vec![([127, 0, 0, 1], port).into()];
    config.web.public_url = ISSUER.to_owned();
    config.tenant.root_secret = Some(Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    config.tenant.requests_per_minute = 10_000_000;
    config.tenant.access_token_lifetime = Period::from_secs(6 * 3600);
    config
}

pub const ISSUER: &str = "http://127.0.0.1";

diesel::table! {
    /// What tenants have.
    bench.items (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        created_at -> Timestamptz,
        name -> Text,
        body -> Text,
    }
}

/// A thing that a tenant has.
#[derive(Debug, Serialize, ToSchema, Queryable, Selectable)]
#[diesel(table_name = items)]
pub struct Item {
    id: Uuid,
    created_at: DateTime<Utc>,
    name: String,
    body: String,
}

/// One item.
#[utoipa::path(tag = "bench", responses((status = OK, description = "The item.", body = Item)))]
#[get("/v1/bench/items/{id}")]
async fn item(
    caller: Authenticated,
    db: Data<Db>,
    id: PathOf<Uuid, NoRoute>,
) -> Result<actix_web::web::Json<Item>, Problem> {
    let id = *id;
    let item = db
        .read(&caller, move |tx| {
            tx.get_result(items::table.filter(items::id.eq(id)).select(Item::as_select()))
        })
        .await?;
    Ok(actix_web::web::Json(item))
}

/// The newest items.
#[utoipa::path(tag = "bench", responses((status = OK, description = "The items.", body = List<Item>)))]
#[get("/v1/bench/items")]
async fn newest(caller: Authenticated, db: Data<Db>) -> Result<List<Item>, Problem> {
    let items = db
        .read(&caller, |tx| {
            let newest = (items::created_at.desc(), items::id.desc());
            tx.load(items::table.order(newest).limit(50).select(Item::as_select()))
        })
        .await?;
    Ok(List { items, next_cursor: None })
}

pub fn run(options: &AppOptions) -> Outcome {
    // As the program `veza` does it.
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::new(&options.log))
        .init();
    let buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0];
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &buckets)?
        .install_recorder()?;
    actix_web::rt::System::new().block_on(async {
        let platform =
            Platform::open(config(&options.url, options.port, options.pool), migrator(), None).await?;
        platform.start();
        platform.start_worker(platform.runtime())?;
        let upkeep = metrics.clone();
        platform.tasks.every("bench.metrics", Duration::from_secs(5), move || {
            upkeep.run_upkeep();
            std::future::ready(())
        });
        let (veza, db) = (platform.routes(), Data::new(platform.db.clone()));
        let mount = move |routes: &mut Routes<'_>| {
            veza(routes);
            let db = db.clone();
            routes.map(|raw: &mut ServiceConfig| raw.app_data(db));
            routes.service(item).service(newest);
        };
        let site = platform.web().metrics(Arc::new(move || metrics.render())).site();
        site.listen(mount)?.await?;
        Ok(())
    })
}
