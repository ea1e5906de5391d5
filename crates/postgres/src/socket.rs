//! Where the socket goes.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::site::Site;
use crate::{Error, Settings, directory};

/// `sun_path` of unix(7) holds 108 bytes with the closing zero.
const LONGEST: usize = 107;

/// The port gives the socket its name; nothing listens on it.
pub(crate) const PORT: &str = "5432";

/// Creates or checks the directory of the socket: private to the account. Root enters all the same.
pub(crate) fn prepare(site: &Site, settings: &Settings) -> Result<PathBuf, Error> {
    let (uid, gid) = (site.account.uid(), site.account.gid());
    let dir = settings.socket_dir.clone().unwrap_or_else(|| place(site));
    directory::private(&dir, uid, gid, 0o700)?;
    fs::canonicalize(&dir).map_err(Error::io("find", &dir))
}

fn place(site: &Site) -> PathBuf {
    let beside = site.beside("run");
    if fits(&beside) {
        return beside;
    }
    let name = format!("veza-{}-{}", site.account.uid(), directory::digest(&site.data));
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let private = runtime.filter(|dir| dir.is_absolute() && !site.account.is_other());
    private.map(|dir| dir.join(&name)).filter(|dir| fits(dir)).unwrap_or_else(|| Path::new("/tmp").join(name))
}

/// Short enough, and without the comma, at which libpq ends the name of a host.
fn fits(dir: &Path) -> bool {
    let socket = dir.join(format!(".s.PGSQL.{PORT}"));
    let path = socket.as_os_str().as_encoded_bytes();
    path.len() <= LONGEST && !path.contains(&b',')
}
