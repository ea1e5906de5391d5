//! `veza storage rm`.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, path_of};
use super::list;
use super::place::{Place, shown};
use super::{line, print};
use crate::cli::StorageRemoveArgs;
use crate::command::complain;
use crate::error::Error;

/// Objects of one request.
const AT_ONCE: usize = 500;

pub(super) async fn rm(client: &Client, args: &StorageRemoveArgs) -> Result<ExitCode, Error> {
    let (bucket, key) = Place::in_bucket(&args.place)?;
    let keys: Vec<String> = if args.recursive {
        list::all(client, &bucket, &key).await?.into_iter().map(|(key, _)| key).collect()
    } else if key.is_empty() {
        return Err(Error::Other(format!("{} is all of a bucket: say -r", args.place)));
    } else {
        vec![key]
    };
    let mut failed = false;
    for some in keys.chunks(AT_ONCE) {
        let objects: Vec<Value> = some.iter().map(|key| json!({ "key": key })).collect();
        let body = json!({ "objects": objects });
        let answer = client.post(&path_of(&bucket, "objects/delete"), &body).await?;
        let outcomes = answer.get("outcomes").and_then(Value::as_array).cloned().unwrap_or_default();
        for outcome in outcomes {
            let key = outcome.get("key").and_then(Value::as_str).unwrap_or_default();
            if outcome.get("deleted").and_then(Value::as_bool) == Some(true) {
                print(&line(args.client.json, &outcome, || format!("deleted {}", shown(&bucket, key))))?;
            } else {
                failed = true;
                let why = outcome.get("detail").and_then(Value::as_str).unwrap_or_default();
                complain(&format!("{}: {why}", shown(&bucket, key)));
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
