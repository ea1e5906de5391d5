//! Orders: the table, the rules, the queries.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use veza::core::idempotency::IdempotencyError;
use veza::core::page::{Page, PageRequest};
use veza::core::{Fault, FieldError, Forbidden, Kind, Noun, TypedId};
use veza::jobs::enqueue;
use veza::{DbError, Permission, Permit, Query, TenantScope, TenantTx, Write};

use crate::packing::Pack;

diesel::table! {
    shop.orders (tenant_id, order_id) {
        tenant_id -> Uuid,
        order_id -> Uuid,
        title -> Text,
        cents -> BigInt,
        created_at -> Timestamptz,
        packed_at -> Nullable<Timestamptz>,
    }
}

/// Names an order's id.
pub enum OrderNoun {}
impl Noun for OrderNoun {
    const NAME: &'static str = "order";
}
/// An order's id.
pub type OrderId = TypedId<OrderNoun>;

/// May see orders.
#[derive(Debug)]
pub enum ReadOrders {}
impl Permission for ReadOrders {
    const NAME: &'static str = "shop.orders.read";
}

/// May take orders.
#[derive(Debug)]
pub enum TakeOrders {}
impl Permission for TakeOrders {
    const NAME: &'static str = "shop.orders.take";
}

/// An order.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, utoipa::ToSchema)]
#[diesel(table_name = orders)]
pub struct Order {
    /// The order's id.
    #[diesel(column_name = order_id)]
    #[schema(value_type = uuid::Uuid)]
    pub id: OrderId,
    /// What was ordered.
    pub title: String,
    /// For how much.
    pub cents: i64,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Since when it is ready to leave.
    pub packed_at: Option<DateTime<Utc>>,
}

/// What makes an order.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
pub struct NewOrder {
    /// What is ordered: 1 to 200 characters.
    pub title: String,
    /// For how much: 0 or more.
    pub cents: i64,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that break rules.
    #[error("the order breaks a rule")]
    Invalid(Vec<FieldError>),
    /// No such order in this organisation.
    #[error("no such order")]
    NotFound,
    /// A permission is missing.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The queue.
    #[error(transparent)]
    Jobs(#[from] veza::jobs::Error),
    /// The idempotency key.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) => Kind::Invalid,
            Self::NotFound => Kind::NotFound,
            Self::Forbidden(error) => error.kind(),
            Self::Jobs(error) => error.kind(),
            Self::Idempotency(error) => error.kind(),
            Self::Db(error) => error.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "shop.order.invalid",
            Self::NotFound => "shop.order.not_found",
            Self::Forbidden(error) => error.code(),
            Self::Jobs(error) => error.code(),
            Self::Idempotency(error) => error.code(),
            Self::Db(error) => error.code(),
        }
    }
    fn fields(&self) -> &[FieldError] {
        match self {
            Self::Invalid(fields) => fields,
            _ => &[],
        }
    }
}

/// Takes an order, and has it packed: both, or neither.
pub fn create(tx: &mut TenantTx<'_>, _: &Permit<TakeOrders>, new: &NewOrder) -> Result<Order, Error> {
    let mut broken = Vec::new();
    if !(1..=200).contains(&new.title.chars().count()) {
        broken.push(FieldError::new("/title", "length", "1 to 200 characters"));
    }
    if new.cents < 0 {
        broken.push(FieldError::new("/cents", "out_of_range", "0 or more"));
    }
    if !broken.is_empty() {
        return Err(Error::Invalid(broken));
    }
    let id: OrderId = tx.new_id();
    let insert = diesel::insert_into(orders::table)
        .values((
            orders::tenant_id.eq(tx.tenant()),
            orders::order_id.eq(id),
            orders::title.eq(&new.title),
            orders::cents.eq(new.cents),
            orders::created_at.eq(tx.now()),
        ))
        .returning(Order::as_returning());
    let order = tx.get_result(insert)?;
    enqueue(tx, &Pack { order: id })?;
    Ok(order)
}

/// Notes that an order is ready to leave.
pub fn pack(tx: &mut TenantTx<'_>, id: OrderId) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(diesel::update(orders::table.find((tx.tenant(), id))).set(orders::packed_at.eq(now)))?;
    Ok(())
}

/// One order.
pub fn get(tx: &mut impl TenantScope, _: &Permit<ReadOrders>, id: OrderId) -> Result<Order, Error> {
    let query = orders::table.find((tx.tenant(), id)).select(Order::as_select());
    tx.find_result(query)?.ok_or(Error::NotFound)
}

/// Orders, oldest first. There is no tenant in the condition: row-level security adds it.
pub fn list(
    tx: &mut impl Query,
    _: &Permit<ReadOrders>,
    page: &PageRequest<OrderId>,
) -> Result<Page<Order>, Error> {
    let mut query =
        orders::table.select(Order::as_select()).order(orders::order_id).limit(page.fetch()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(orders::order_id.gt(after));
    }
    Ok(Page::new(page, tx.load(query)?, |order| order.id))
}
