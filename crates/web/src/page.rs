//! Lists, page by page.

use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, dev};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use veza_core::FieldError;
use veza_core::page::{Page, PageRequest};

use crate::problem::Problem;
use crate::{caller, query};

/// `limit` and `cursor` of a list, and the list's other parameters as `F`. Unknown parameters are
/// errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery<K, F = NoFilter> {
    /// Which page.
    pub page: PageRequest<K>,
    /// Of which items.
    pub filter: F,
}

/// A list without parameters of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct NoFilter {}

/// The parameters that every list has, for `params(PageParams)` in its documentation.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used; `PageQuery` reads")]
pub struct PageParams {
    /// How many items at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before; without it, the first page.
    cursor: Option<String>,
}

impl<K, F> PageQuery<K, F>
where
    K: DeserializeOwned,
    F: DeserializeOwned,
{
    fn parse(text: &str) -> Result<Self, Problem> {
        let mut limit = None;
        let mut cursor = None;
        let mut others = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let known = match &*name {
                "limit" => &mut limit,
                "cursor" => &mut cursor,
                _ => {
                    others.append_pair(&name, &value);
                    continue;
                }
            };
            if known.replace(value).is_some() {
                let error = FieldError::new(name.into_owned(), "duplicate", "given more than once");
                return Err(query::invalid(error));
            }
        }
        // What is no number is out of range, like 0.
        let limit = limit.map(|limit| limit.parse().unwrap_or(0));
        Ok(Self {
            page: PageRequest::new(limit, cursor.as_deref())?,
            filter: query::parse(&others.finish())?,
        })
    }
}

impl<K: DeserializeOwned + 'static, F: DeserializeOwned + 'static> FromRequest for PageQuery<K, F> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let read = Self::parse(req.query_string());
        caller::behind(req, async move { read })
    }
}

/// One page as an answer: the items, `next_cursor`, and `Link: <…>; rel="next"` (RFC 8288) with the
/// list's other parameters kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct List<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> From<Page<T>> for List<T> {
    fn from(page: Page<T>) -> Self {
        Self { items: page.items, next_cursor: page.next_cursor }
    }
}

impl<T: Serialize> Responder for List<T> {
    type Body = BoxBody;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(link) = self.next_cursor.as_deref().and_then(|cursor| next_link(req, cursor)) {
            response.insert_header((header::LINK, link));
        }
        response.json(self)
    }
}

fn next_link(req: &HttpRequest, cursor: &str) -> Option<HeaderValue> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(
        form_urlencoded::parse(req.query_string().as_bytes()).filter(|(name, _)| name != "cursor"),
    );
    query.append_pair("cursor", cursor);
    HeaderValue::try_from(format!("<{}?{}>; rel=\"next\"", req.path(), query.finish())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Filter {
        archived: Option<bool>,
    }
    type Rooms = PageQuery<(i64, String), Filter>;

    #[test]
    fn a_list_has_parameters_of_its_own() {
        let rooms = Rooms::parse("archived=true&limit=7&cursor=WzcsImEiXQ").unwrap();
        assert_eq!(rooms.page, PageRequest { limit: 7, after: Some((7, "a".to_owned())) });
        assert_eq!(rooms.filter, Filter { archived: Some(true) });
        assert_eq!(Rooms::parse("").unwrap().page.limit, 50);
    }

    #[test]
    fn bad_parameters_are_refused() {
        for query in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=x",
            "limit=1&limit=2",
            "cursor=",
            "cursor=%00",
            "cursor=%ff",
            "cursor=bm9uc2Vuc2U",
            "archived=maybe",
            "archived=true&archived=true",
            "archivd=true",
            "=",
            "x",
        ] {
            assert!(Rooms::parse(query).is_err(), "{query}");
        }
    }
}
