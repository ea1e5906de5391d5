//! The directory in which `veza up` keeps everything.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use veza_core::config::Secret;
use veza_core::{SystemRandom, bytes};
use veza_storage::crypt::LocalRootKey;

use crate::cli::DataArgs;
use crate::error::Error;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// The directory that is meant; it need not exist.
    pub(crate) fn locate(args: &DataArgs) -> Result<Self, Error> {
        let path = match &args.data {
            Some(path) => path.clone(),
            None => default()?,
        };
        std::path::absolute(&path).map(Self).map_err(Error::io(format!("cannot use {}", path.display())))
    }

    /// Makes the directory where it is missing; one that is there keeps its mode. Others may pass
    /// through it when we are root (PostgreSQL runs as another user then), but not look around.
    pub(crate) fn create(&self) -> Result<(), Error> {
        if let Ok(found) = fs::metadata(&self.0) {
            return self.check_owner(&found);
        }
        let failed = || Error::io(format!("cannot make {}", self.0.display()));
        let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
        fs::DirBuilder::new().recursive(true).mode(mode).create(&self.0).map_err(failed())?;
        // The mask of our process may have taken something away.
        fs::set_permissions(&self.0, fs::Permissions::from_mode(mode)).map_err(failed())
    }

    /// What somebody else prepared may hold links to where they want our secrets written.
    fn check_owner(&self, found: &fs::Metadata) -> Result<(), Error> {
        let shared = found.mode() & 0o022 != 0;
        if found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() && !shared {
            return Ok(());
        }
        let rule = "must be a directory of the user who runs veza, and nobody else may write to it";
        Err(Error::Other(format!("{} {rule}", self.0.display())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where PostgreSQL keeps its data.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// The configuration that belongs to this directory, if there is one.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        Some(self.0.join("veza.toml")).filter(|path| crate::config::is_ours(path))
    }

    /// The database of a running `veza up`, for other commands.
    pub(crate) fn database_url(&self) -> Result<Option<Secret>, Error> {
        read(&self.url_file())
    }

    /// Tells other commands where the database is.
    pub(crate) fn write_database_url(&self, url: &str) -> Result<(), Error> {
        self.write_private(&self.url_file(), url)
    }

    /// Takes it back when the database stops.
    pub(crate) fn remove_database_url(&self) {
        // What is left of it tells the next reader that nobody answers there.
        let _ = fs::remove_file(self.url_file());
    }

    fn url_file(&self) -> PathBuf {
        self.0.join("database_url")
    }

    /// The root secret of this directory, if one was made.
    pub(crate) fn root_secret(&self) -> Result<Option<Secret>, Error> {
        read(&self.0.join("root_secret"))
    }

    /// The root secret, made the first time. Two at once would make two: hold the cluster's lock.
    pub(crate) fn create_root_secret(&self) -> Result<Secret, Error> {
        if let Some(secret) = self.root_secret()? {
            return Ok(secret);
        }
        let secret = STANDARD.encode(bytes::<32>(&SystemRandom));
        self.write_private(&self.0.join("root_secret"), &secret)?;
        Ok(Secret::new(secret))
    }

    /// Where the files of organisations are.
    pub(crate) fn storage(&self) -> PathBuf {
        self.0.join("storage")
    }

    /// Where recordings are written before they are stored.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.0.join("recordings")
    }

    /// Where the root key of stored files is, if one was made.
    pub(crate) fn storage_key(&self) -> PathBuf {
        self.0.join("storage_root_key")
    }

    /// The root key of stored files, made the first time. Two at once would make two: hold the cluster's lock.
    pub(crate) fn create_storage_key(&self) -> Result<PathBuf, Error> {
        let path = self.storage_key();
        let failed = || Error::io(format!("cannot make {}", path.display()));
        if path.try_exists().map_err(failed())? {
            return Ok(path);
        }
        let part = path.with_extension("part");
        let _none_left = fs::remove_file(&part);
        LocalRootKey::create(&part, "first", &SystemRandom).map_err(veza::Error::from)?;
        let keep = || fs::rename(&part, &path).and_then(|()| fs::File::open(&self.0)?.sync_all());
        keep().map_err(failed())?;
        Ok(path)
    }

    /// Writes a file for our eyes only, whole or not at all.
    fn write_private(&self, path: &Path, text: &str) -> Result<(), Error> {
        let write = || {
            let part = path.with_extension("part");
            // A leftover of ours goes; nothing that is there already is written to.
            let _none_left = fs::remove_file(&part);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
            writeln!(file, "{text}")?;
            file.sync_all()?;
            fs::rename(&part, path)?;
            fs::File::open(&self.0)?.sync_all()
        };
        write().map_err(Error::io(format!("cannot write {}", path.display())))
    }
}

/// What a file of ours holds; `None` when there is none. One that cannot be read must not pass for none:
/// a new root secret in its place would lock everybody out.
fn read(path: &Path) -> Result<Option<Secret>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Secret::new(text.trim_end()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(format!("cannot read {}", path.display()))(error)),
    }
}

#[allow(clippy::disallowed_methods, reason = "where data goes by default is the environment's to say")]
fn default() -> Result<PathBuf, Error> {
    if nix::unistd::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/veza"));
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("veza"))
        .ok_or_else(|| {
            Error::Other("neither HOME nor XDG_DATA_HOME is set; name a directory with --data".to_owned())
        })
}
