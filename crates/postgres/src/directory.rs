//! Directories and files that nobody else may have prepared for us.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use nix::libc::O_NOFOLLOW;
use nix::unistd::geteuid;

use crate::Error;

/// Creates `dir` for `uid` with `mode`, or checks that it is one: a real directory (no symbolic
/// link) of that owner, which nobody else can write. Safe in `/tmp`.
pub(crate) fn private(dir: &Path, uid: u32, gid: u32, mode: u32) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => give(dir, uid, gid, mode),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Whoever made it may have died before giving it away.
            if is_ours_and_empty(dir) {
                give(dir, uid, gid, mode)?;
            }
            check(dir, uid)
        }
        Err(error) => Err(Error::io("create", dir)(error)),
    }
}

/// Until it is given away nobody but us can replace it, so following the path is safe.
fn give(dir: &Path, uid: u32, gid: u32, mode: u32) -> Result<(), Error> {
    chown(dir, Some(uid), Some(gid)).map_err(Error::io("give away", dir))?;
    fs::set_permissions(dir, Permissions::from_mode(mode)).map_err(Error::io("open", dir))
}

fn is_ours_and_empty(dir: &Path) -> bool {
    let me = geteuid().as_raw();
    check(dir, me).is_ok() && fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

fn check(dir: &Path, uid: u32) -> Result<(), Error> {
    let metadata = fs::symlink_metadata(dir).map_err(Error::io("look at", dir))?;
    let private = metadata.is_dir() && metadata.uid() == uid && metadata.mode() & 0o022 == 0;
    private.then_some(()).ok_or_else(|| Error::NotPrivate { dir: dir.to_path_buf(), uid })
}

/// Opens a file of ours for appending, creating it; never through a symbolic link.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(O_NOFOLLOW);
    options.open(path).map_err(Error::io("open", path))
}

/// Replaces a file in one step, readable for the account of the server.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let new = path.with_added_extension("new");
    let write = || {
        // What is left of an interrupted write, or was put there: create_new refuses both.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        fs::rename(&new, path)
    };
    write().map_err(Error::io("write", path))
}

/// Sixteen hexadecimal digits for a path (FNV-1a): short, and the same in every process.
pub(crate) fn digest(path: &Path) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = path.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    format!("{hash:016x}")
}
