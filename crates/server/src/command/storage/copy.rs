//! `veza storage cp`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use serde_json::json;

use super::client::{Client, path_of};
use super::place::{Place, below, shown};
use super::transfer::{self, Copied, io};
use super::{line, list, print, progress};
use crate::cli::StorageCopyArgs;
use crate::command::complain;
use crate::error::Error;

/// One thing that is copied.
#[derive(Debug, Clone)]
struct Task {
    from: Place,
    to: Place,
    bytes: u64,
}

pub(super) async fn cp(client: &Client, args: &StorageCopyArgs) -> Result<ExitCode, Error> {
    let (from, to) = (Place::parse(&args.from)?, Place::parse(&args.to)?);
    let tasks = match (&from, &to) {
        (Place::File(_), Place::File(_)) => {
            return Err(Error::Other("one of both is a place in a bucket: veza://BUCKET/KEY".to_owned()));
        }
        (Place::File(path), Place::Bucket { bucket, key }) => files(path, bucket, key, args.recursive)?,
        (Place::Bucket { bucket, key }, _) => objects(client, bucket, key, &to, args.recursive).await?,
    };
    let bar = progress::bar(tasks.iter().map(|task| task.bytes).sum(), args.client.json);
    let work = stream::iter(tasks).map(|task| {
        let bar = bar.clone();
        async move { (copy(client, &task, &bar).await, task) }
    });
    let mut work = work.buffer_unordered(args.parallel.into());
    let mut failed = false;
    while let Some((copied, task)) = work.next().await {
        let (from, to) = (written(&task.from), written(&task.to));
        match copied {
            Ok(Copied { bytes, resumed_at }) => {
                let value = json!({ "from": from, "to": to, "bytes": bytes, "resumed_at": resumed_at });
                let text = line(args.client.json, &value, || match resumed_at {
                    0 => format!("{from} -> {to}"),
                    at => format!("{from} -> {to} (went on behind {at} of {bytes} bytes)"),
                });
                bar.suspend(|| print(&text))?;
            }
            Err(error) => {
                failed = true;
                bar.suspend(|| complain(&format!("{from}: {error}")));
            }
        }
    }
    bar.finish_and_clear();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn copy(client: &Client, task: &Task, bar: &ProgressBar) -> Result<Copied, Error> {
    match (&task.from, &task.to) {
        (Place::File(path), Place::Bucket { bucket, key }) => {
            transfer::up(client, path, bucket, key, bar).await
        }
        (Place::Bucket { bucket, key }, Place::File(path)) => {
            transfer::down(client, bucket, key, path, bar).await
        }
        (Place::Bucket { bucket: from, key: old }, Place::Bucket { bucket, key }) => {
            let body = json!({ "from_bucket": from, "from_key": old, "key": key });
            client.post(&path_of(bucket, "objects/copy"), &body).await?;
            bar.inc(task.bytes);
            Ok(Copied::whole(task.bytes))
        }
        (Place::File(_), Place::File(_)) => Err(Error::Other("both are files".to_owned())),
    }
}

/// A file, or all below a directory, to a bucket.
fn files(path: &Path, bucket: &str, key: &str, recursive: bool) -> Result<Vec<Task>, Error> {
    let data = std::fs::metadata(path).map_err(io("look at", path))?;
    let to = |key: String| Place::Bucket { bucket: bucket.to_owned(), key };
    if !data.is_dir() {
        let name = path.file_name().and_then(|name| name.to_str());
        let key = match (key.is_empty() || key.ends_with('/'), name) {
            (false, _) => key.to_owned(),
            (true, Some(name)) => format!("{key}{name}"),
            (true, None) => {
                return Err(Error::Other(format!("{} has no name that can be a key", path.display())));
            }
        };
        return Ok(vec![Task { from: Place::File(path.to_owned()), to: to(key), bytes: data.len() }]);
    }
    if !recursive {
        return Err(Error::Other(format!("{} is a directory: say -r", path.display())));
    }
    let prefix = if key.is_empty() || key.ends_with('/') { key.to_owned() } else { format!("{key}/") };
    let mut tasks = Vec::new();
    walk(path, &mut |file, bytes| {
        let rest = file.strip_prefix(path).ok().and_then(Path::to_str);
        let rest = rest.ok_or_else(|| Error::Other(format!("{} is no UTF-8", file.display())))?;
        let key = format!("{prefix}{rest}");
        tasks.push(Task { from: Place::File(file), to: to(key), bytes });
        Ok(())
    })?;
    Ok(tasks)
}

/// All files below a directory, in order. Symbolic links are not followed.
fn walk(directory: &Path, found: &mut impl FnMut(PathBuf, u64) -> Result<(), Error>) -> Result<(), Error> {
    let entries = std::fs::read_dir(directory).map_err(io("read", directory))?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(io("read", directory))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let data = entry.metadata().map_err(io("look at", &path))?;
        if data.is_dir() {
            walk(&path, found)?;
        } else if data.is_file() {
            found(path, data.len())?;
        }
    }
    Ok(())
}

/// An object, or all with a prefix, to files or to a bucket.
async fn objects(
    client: &Client,
    bucket: &str,
    key: &str,
    to: &Place,
    recursive: bool,
) -> Result<Vec<Task>, Error> {
    let from = |key: &str| Place::Bucket { bucket: bucket.to_owned(), key: key.to_owned() };
    if !recursive {
        if key.is_empty() || key.ends_with('/') {
            return Err(Error::Other(format!("{} is more than one object: say -r", shown(bucket, key))));
        }
        let name = key.rsplit('/').next().unwrap_or(key);
        let to = match to {
            Place::File(path) if path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/") => {
                Place::File(below(path, name)?)
            }
            Place::Bucket { bucket, key } if key.is_empty() || key.ends_with('/') => {
                Place::Bucket { bucket: bucket.clone(), key: format!("{key}{name}") }
            }
            other => other.clone(),
        };
        return Ok(vec![Task { from: from(key), to, bytes: 0 }]);
    }
    let prefix = if key.is_empty() || key.ends_with('/') { key.to_owned() } else { format!("{key}/") };
    let mut tasks = Vec::new();
    for (key, bytes) in list::all(client, bucket, &prefix).await? {
        let rest = key.strip_prefix(&prefix).unwrap_or(&key);
        let to = match to {
            Place::File(path) => Place::File(below(path, rest)?),
            Place::Bucket { bucket, key } if key.is_empty() || key.ends_with('/') => {
                Place::Bucket { bucket: bucket.clone(), key: format!("{key}{rest}") }
            }
            Place::Bucket { bucket, key } => {
                Place::Bucket { bucket: bucket.clone(), key: format!("{key}/{rest}") }
            }
        };
        tasks.push(Task { from: from(&key), to, bytes });
    }
    Ok(tasks)
}

fn written(place: &Place) -> String {
    match place {
        Place::File(path) => path.display().to_string(),
        Place::Bucket { bucket, key } => shown(bucket, key),
    }
}
