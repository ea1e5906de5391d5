//! What is answered where no route is: 404, or 405 with the methods that there are.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::openapi::{OpenApi, PathItem};

use crate::codes::METHOD_NOT_ALLOWED;
use crate::path::{Missing, NoRoute};
use crate::problem::Problem;
use crate::site::State;

/// The methods of each path, from the document: what is served stands in it.
#[derive(Debug)]
pub(crate) struct Allow(HashMap<String, Methods>);

#[derive(Debug)]
struct Methods {
    header: HeaderValue,
    /// There is a GET and no HEAD of its own: HEAD is a GET whose body stays here (RFC 9110 section 9.3.2).
    heads_by_get: bool,
}

impl Allow {
    pub(crate) fn new(api: &OpenApi) -> Self {
        let path = |(path, item): (&String, &PathItem)| {
            let header = HeaderValue::try_from(methods(item).join(", ")).ok()?;
            let heads_by_get = item.get.is_some() && item.head.is_none();
            Some((path.clone(), Methods { header, heads_by_get }))
        };
        Self(api.paths.paths.iter().filter_map(path).collect())
    }

    /// Whether a HEAD of the route `pattern` is served by its GET.
    pub(crate) fn heads_by_get(&self, pattern: &str) -> bool {
        self.0.get(&without_expressions(pattern)).is_some_and(|methods| methods.heads_by_get)
    }
}

fn methods(item: &PathItem) -> Vec<&'static str> {
    let all = [
        ("GET", item.get.is_some()),
        ("HEAD", item.head.is_some() || item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("PATCH", item.patch.is_some()),
        ("DELETE", item.delete.is_some()),
        ("OPTIONS", item.options.is_some()),
    ];
    all.into_iter().filter_map(|(method, is_there)| is_there.then_some(method)).collect()
}

/// The answer to what no route takes.
#[allow(clippy::unused_async, reason = "a handler")]
pub(crate) async fn refuse(req: HttpRequest) -> Result<HttpResponse, Problem> {
    let allow = req.match_pattern().map(|pattern| without_expressions(&pattern));
    let allow = allow.and_then(|path| State::of(&req).ok()?.allow.get()?.0.get(&path));
    Err(match allow {
        Some(methods) => Problem::new(&METHOD_NOT_ALLOWED, "the route has no such method")
            .status(StatusCode::METHOD_NOT_ALLOWED)
            .header(header::ALLOW, methods.header.clone()),
        None => NoRoute::missing(),
    })
}

/// A pattern as the document writes it: `{key:.*}` is `{key}` there.
fn without_expressions(pattern: &str) -> String {
    let (mut path, mut depth, mut skips) = (String::with_capacity(pattern.len()), 0_u32, false);
    for character in pattern.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 1 => skips = true,
            _ => {}
        }
        skips &= depth > 0;
        if !skips {
            path.push(character);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_left_out() {
        for (pattern, path) in
            [("/a/{id}", "/a/{id}"), ("/{bucket}/{key:.*}", "/{bucket}/{key}"), ("/{n:[0-9]{4}}/x", "/{n}/x")]
        {
            assert_eq!(without_expressions(pattern), path);
        }
    }
}
