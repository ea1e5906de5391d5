//! `veza storage ls` and `du`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, path_of};
use super::place::{Place, shown};
use super::{line, print};
use crate::cli::StorageListArgs;
use crate::error::Error;

/// An object, or a common prefix of several.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Object { key: String, bytes: u64, value: Value },
    Prefix(String),
}

/// The pages of a list.
pub(super) struct Pages<'c> {
    client: &'c Client,
    path: String,
    query: Vec<(&'static str, String)>,
    cursor: Option<String>,
    ended: bool,
}

impl<'c> Pages<'c> {
    pub(super) fn of_buckets(client: &'c Client) -> Self {
        Self { client, path: "/buckets".to_owned(), query: Vec::new(), cursor: None, ended: false }
    }

    pub(super) fn of_objects(client: &'c Client, bucket: &str, prefix: &str, recursive: bool) -> Self {
        let mut query = vec![("prefix", prefix.to_owned())];
        query.extend((!recursive).then(|| ("delimiter", "/".to_owned())));
        Self { client, path: path_of(bucket, "objects"), query, cursor: None, ended: false }
    }

    /// The next page, as the service gave it.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Value>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let mut query: Vec<(&str, &str)> = vec![("limit", "200")];
        query.extend(self.query.iter().map(|(name, value)| (*name, value.as_str())));
        query.extend(self.cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let mut page = self.client.get(&self.path, &query).await?;
        self.cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        self.ended = self.cursor.is_none();
        match page.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(Some(items)),
            _ => Err(Error::Other("the service answered no list".to_owned())),
        }
    }

    /// The same as entries.
    pub(super) async fn entries(&mut self) -> Result<Option<Vec<Entry>>, Error> {
        let Some(items) = self.next().await? else { return Ok(None) };
        Ok(Some(items.into_iter().filter_map(entry).collect()))
    }
}

fn entry(value: Value) -> Option<Entry> {
    if let Some(prefix) = value.get("prefix").and_then(Value::as_str) {
        return Some(Entry::Prefix(prefix.to_owned()));
    }
    let key = value.get("key")?.as_str()?.to_owned();
    let bytes = value.get("size")?.as_u64()?;
    Some(Entry::Object { key, bytes, value })
}

pub(super) async fn ls(client: &Client, args: &StorageListArgs) -> Result<ExitCode, Error> {
    let Some(place) = &args.place else { return buckets(client, args.client.json).await };
    let (bucket, prefix) = Place::in_bucket(place)?;
    let mut pages = Pages::of_objects(client, &bucket, &prefix, args.recursive);
    while let Some(entries) = pages.entries().await? {
        let lines = entries.into_iter().map(|entry| match entry {
            Entry::Object { key, bytes, value } => line(args.client.json, &value, || {
                let stored = value.get("created_at").and_then(Value::as_str).unwrap_or_default();
                format!("{bytes:>14}  {stored:<27}  {}", shown(&bucket, &key))
            }),
            Entry::Prefix(prefix) => line(args.client.json, &json!({ "prefix": prefix }), || {
                format!("{:>14}  {:<27}  {}", "-", "", shown(&bucket, &prefix))
            }),
        });
        print(&lines.collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn buckets(client: &Client, json: bool) -> Result<ExitCode, Error> {
    let mut pages = Pages::of_buckets(client);
    while let Some(items) = pages.next().await? {
        let lines = items.iter().map(|bucket| {
            let name = bucket.get("name").and_then(Value::as_str).unwrap_or_default();
            line(json, bucket, || shown(name, ""))
        });
        print(&lines.collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All objects that begin so.
pub(super) async fn all(client: &Client, bucket: &str, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
    let (mut pages, mut found) = (Pages::of_objects(client, bucket, prefix, true), Vec::new());
    while let Some(entries) = pages.entries().await? {
        found.extend(entries.into_iter().filter_map(|entry| match entry {
            Entry::Object { key, bytes, .. } => Some((key, bytes)),
            Entry::Prefix(_) => None,
        }));
    }
    Ok(found)
}

pub(super) async fn du(client: &Client, args: &StorageListArgs) -> Result<ExitCode, Error> {
    let Some(place) = &args.place else {
        return Err(Error::Other("of what? veza://BUCKET, or a part of one".to_owned()));
    };
    let (bucket, prefix) = Place::in_bucket(place)?;
    let (mut objects, mut bytes) = (0_u64, 0_u64);
    let mut pages = Pages::of_objects(client, &bucket, &prefix, true);
    while let Some(entries) = pages.entries().await? {
        for entry in entries {
            if let Entry::Object { bytes: more, .. } = entry {
                (objects, bytes) = (objects + 1, bytes.saturating_add(more));
            }
        }
    }
    let sum = json!({ "objects": objects, "bytes": bytes, "place": shown(&bucket, &prefix) });
    let text = || format!("{bytes:>14}  {objects:>10} objects  {}", shown(&bucket, &prefix));
    print(&line(args.client.json, &sum, text))
}
