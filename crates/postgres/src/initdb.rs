//! A new cluster: made aside, and renamed into place when it is complete.

use std::fs::{self, File};
use std::path::Path;
use std::process::id;

use nix::unistd::{getegid, geteuid};

use crate::site::Site;
use crate::{Binaries, Durability, Error, SUPERUSER, directory, launch};

/// Says that the directory around it is ours to remove.
const MARKER: &str = "veza-initdb-unfinished";

/// Creates the cluster of `site` when there is none. A crash leaves only `<data>.new`, which the
/// next start removes.
pub(crate) fn ensure(binaries: &Binaries, site: &Site, durability: Durability) -> Result<(), Error> {
    let staging = site.beside("new");
    sweep(&staging)?;
    if site.version()?.is_some() {
        return Ok(());
    }
    if fs::read_dir(&site.data).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::NotACluster(site.data.clone()));
    }
    directory::private(&staging, geteuid().as_raw(), getegid().as_raw(), 0o711)?;
    directory::open(&staging.join(MARKER))?;
    // An initdb that a killed start left behind for a moment knows its own name only.
    let data = staging.join(format!("data.{}", id()));
    directory::private(&data, site.account.uid(), site.account.gid(), 0o700)?;
    run(binaries, site, &data, durability)?;
    fs::rename(&data, &site.data).map_err(Error::io("move into place", &site.data))?;
    sync(site.data.parent())?;
    sweep(&staging)
}

fn run(binaries: &Binaries, site: &Site, data: &Path, durability: Durability) -> Result<(), Error> {
    let program = binaries.program("initdb");
    let mut command = launch::tied(&site.account, &program);
    command.arg("--pgdata").arg(data).arg(format!("--username={SUPERUSER}"));
    command.args(["--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=peer", "--auth-host=reject"]);
    command.arg(match durability {
        Durability::Full => "--data-checksums",
        Durability::Throwaway => "--no-sync",
    });
    let log = directory::open(&site.beside("log"))?;
    let copy = log.try_clone().map_err(Error::io("open", &site.beside("log")))?;
    let status = command.stdout(log).stderr(copy).status().map_err(launch::error(&program))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Initdb { status, output: crate::log::tail(&site.beside("log")) })
}

/// Removes what an interrupted start left, and nothing that lacks our marker.
fn sweep(staging: &Path) -> Result<(), Error> {
    if !staging.join(MARKER).is_file() {
        // No marker: not there, not ours, or died before the marker. An empty one is reused.
        let foreign = fs::read_dir(staging).is_ok_and(|mut entries| entries.next().is_some());
        return if foreign { Err(Error::NotACluster(staging.to_path_buf())) } else { Ok(()) };
    }
    let remove = || {
        // The marker goes last, so that an interrupted removal can be taken up again.
        for entry in fs::read_dir(staging)?.filter_map(Result::ok).filter(|entry| entry.file_name() != MARKER)
        {
            fs::remove_dir_all(entry.path())?;
        }
        fs::remove_dir_all(staging)
    };
    remove().map_err(Error::io("remove", staging))
}

/// Makes the rename survive a power cut.
fn sync(dir: Option<&Path>) -> Result<(), Error> {
    let Some(dir) = dir else { return Ok(()) };
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))
}
