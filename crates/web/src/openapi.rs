//! What is the same in every route's documentation.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, License, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder,
    Server,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{Body, FieldProblem};

const DESCRIPTION: &str = "Everything that goes wrong is answered as a problem (RFC 9457) whose `code` \
    is stable. Lists are paged by `cursor`. A change takes `If-Match`; a creation takes `Idempotency-Key`.";

/// The document without routes.
pub(crate) fn base(public_url: &str) -> OpenApi {
    let mut info = Info::new("Veza", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    info.license = Some(License::new("MIT OR Apache-2.0"));
    let mut api = OpenApi::new(info, utoipa::openapi::Paths::new());
    api.servers = Some(vec![Server::new(public_url)]);
    // Routes for strangers say so; whoever forgets it documents a door as shut, never as open.
    api.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
    api
}

/// Adds what every route has: the way to show credentials, and the problems.
pub(crate) fn complete(mut api: OpenApi) -> OpenApi {
    let components = api.components.get_or_insert_with(Components::new);
    components.add_security_scheme("bearer", bearer());
    components.schemas.insert(Body::name().into_owned(), Body::schema());
    components.schemas.insert(FieldProblem::name().into_owned(), FieldProblem::schema());
    components.responses.insert("Problem".to_owned(), RefOr::T(problem()));
    for item in api.paths.paths.values_mut() {
        for operation in operations(item) {
            let response = RefOr::Ref(Ref::from_response_name("Problem"));
            operation.responses.responses.entry("default".to_owned()).or_insert(response);
        }
    }
    api
}

fn bearer() -> SecurityScheme {
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.description = Some("The access token of a session, or an API key.".to_owned());
    SecurityScheme::Http(http)
}

fn problem() -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new()
        .description("What went wrong; `code` tells programs, `detail` tells people.")
        .content("application/problem+json", content)
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}
