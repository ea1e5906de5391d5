//! Orders over HTTP.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post};
use veza::Db;
use veza::core::idempotency::once;
use veza::web::{
    Authenticated, Create, Created, List, Missing, PageParams, PageQuery, PathOf, Problem, Routes,
};

use crate::order::{self, Error, NewOrder, Order, OrderId};

/// Registers the routes.
pub fn routes(db: Db) -> impl Fn(&mut Routes<'_>) + Clone + Send + 'static {
    let db = Data::new(db);
    move |routes| {
        routes.app_data(db.clone()).service(create).service(list).service(get);
    }
}

enum NoOrder {}
impl Missing for NoOrder {
    fn missing() -> Problem {
        Error::NotFound.into()
    }
}

/// Take an order.
#[utoipa::path(tag = "orders", request_body = NewOrder, responses((status = CREATED, body = Order)))]
#[post("/v1/shop/orders")]
async fn create(db: Data<Db>, request: Create<NewOrder>) -> Result<Created<Order>, Problem> {
    let Create { caller, body, key } = request;
    let permit = caller.permit()?;
    let created = db
        .tenant(&caller, move |tx| once::<_, Error>(tx, key.as_ref(), |tx| order::create(tx, &permit, &body)))
        .await?;
    let location = format!("/v1/shop/orders/{}", created.value.id);
    Ok(Created { value: created.value, location, version: None, replayed: created.replayed })
}

/// The orders of the caller's organisation.
#[utoipa::path(tag = "orders", params(PageParams), responses((status = OK, body = List<Order>)))]
#[get("/v1/shop/orders")]
async fn list(
    caller: Authenticated,
    db: Data<Db>,
    query: PageQuery<OrderId>,
) -> Result<List<Order>, Problem> {
    let permit = caller.permit()?;
    Ok(db.read(&caller, move |tx| order::list(tx, &permit, &query.page)).await?.into())
}

/// One order.
#[utoipa::path(tag = "orders", params(("order_id" = uuid::Uuid, Path)), responses((status = OK, body = Order)))]
#[get("/v1/shop/orders/{order_id}")]
async fn get(
    caller: Authenticated,
    db: Data<Db>,
    id: PathOf<OrderId, NoOrder>,
) -> Result<HttpResponse, Problem> {
    let (permit, id) = (caller.permit()?, *id);
    let order = db.read(&caller, move |tx| order::get(tx, &permit, id)).await?;
    Ok(HttpResponse::Ok().json(order))
}
