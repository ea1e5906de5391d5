//! Pages of a list, by opaque cursor: a position in the order, never an offset.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::{Fault, FieldError, Kind};

/// How many items of a list to give, and after which position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// At most this many items.
    pub limit: u32,
    /// The position of the last item of the page before; `None` for the first page.
    pub after: Option<K>,
}

impl<K: DeserializeOwned> PageRequest<K> {
    /// Items of a page when nothing is asked for.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// Items of a page at most.
    pub const MAX_LIMIT: u32 = 200;

    /// Checks what a client sent.
    pub fn new(limit: Option<u32>, cursor: Option<&str>) -> Result<Self, PageError> {
        let limit = limit.unwrap_or(Self::DEFAULT_LIMIT);
        if limit == 0 || limit > Self::MAX_LIMIT {
            return Err(PageError::limit());
        }
        Ok(Self { limit, after: cursor.map(decode).transpose()? })
    }

    /// How many rows to fetch: one more than asked for tells whether there is a next page.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page out of the fetched `rows` (see [`PageRequest::fetch`]); `position` tells
    /// where in the order a row stands.
    pub fn new<K: Serialize>(
        request: &PageRequest<K>,
        mut rows: Vec<T>,
        position: impl FnOnce(&T) -> K,
    ) -> Self {
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(|last| encode(&position(last))) } else { None };
        Self { items: rows, next_cursor }
    }

    /// A page of what was found before enough was looked at; `position` is how far that went, `None` at
    /// the end of the list.
    pub fn partial<K: Serialize>(items: Vec<T>, position: Option<K>) -> Self {
        Self { items, next_cursor: position.map(|position| encode(&position)) }
    }

    /// The same page of other things.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}

/// The opaque form of a position. It carries no right to anything: what it points at is looked up
/// in the caller's own tenant.
fn encode<K: Serialize>(position: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).unwrap_or_default())
}

fn decode<K: DeserializeOwned>(cursor: &str) -> Result<K, PageError> {
    if cursor.len() > 512 {
        return Err(PageError::cursor());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_malformed| PageError::cursor())?;
    serde_json::from_slice(&bytes).map_err(|_malformed| PageError::cursor())
}

/// The page asked for cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the page asked for cannot be given")]
pub struct PageError([FieldError; 1]);

impl PageError {
    fn limit() -> Self {
        Self([FieldError::new("limit", "out_of_range", "a number from 1 to 200")])
    }
    fn cursor() -> Self {
        Self([FieldError::new("cursor", "malformed", "a `next_cursor` that this list gave, unchanged")])
    }
}

impl Fault for PageError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
    fn code(&self) -> &'static str {
        "core.page.invalid"
    }
    fn fields(&self) -> &[FieldError] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Request = PageRequest<(i64, String)>;

    #[test]
    fn a_cursor_leads_to_the_next_page() {
        let first = Request::new(Some(2), None).unwrap();
        assert_eq!(first.fetch(), 3);
        let rows = vec![1_i64, 2, 3];
        let page = Page::new(&first, rows, |n| (*n, "é".to_owned()));
        assert_eq!(page.items, [1, 2]);
        let partial = Page::partial(vec![1_i64, 2], Some((2_i64, "é")));
        assert_eq!(partial, page);
        let second = Request::new(Some(2), page.next_cursor.as_deref()).unwrap();
        assert_eq!(second.after, Some((2, "é".to_owned())));
        assert_eq!(Page::new(&second, vec![3_i64], |n| (*n, String::new())).next_cursor, None);
    }

    #[test]
    fn bad_cursors_and_limits_are_refused() {
        let long = "A".repeat(513);
        for cursor in ["", "%%%", "bm9uc2Vuc2U", "WzFd", "eyJhIjoxfQ", "WzEsImEiXQ==", &long] {
            assert!(Request::new(None, Some(cursor)).is_err(), "{cursor}");
        }
        assert!(Request::new(Some(0), None).is_err());
        assert!(Request::new(Some(201), None).is_err());
        assert_eq!(Request::new(None, None).unwrap().limit, 50);
    }
}
