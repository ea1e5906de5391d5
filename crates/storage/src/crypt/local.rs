//! A root key in a file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;
use veza_core::Random;
use zeroize::Zeroizing;

use super::cipher::Secret;
use super::root::{RootKey, WrappedKey};
use super::wrap::{unwrap, wrap};
use crate::Error;
use crate::backend::Pending;

/// More than this is no file of keys.
const MAX_FILE: u64 = 64 * 1024;

/// Versions of a root key, from a file: a line `name base64` for each, of which the first wraps. Empty lines and
/// lines that begin with `#` mean nothing.
pub struct LocalRootKey {
    current: String,
    versions: Vec<(String, Secret)>,
    random: Arc<dyn Random>,
}

impl LocalRootKey {
    /// Reads a file, which must not be readable by everybody.
    pub fn open(path: &Path, random: Arc<dyn Random>) -> Result<Self, Error> {
        let cannot = |error| Error::Setup(format!("the root key {}: {error}", path.display()));
        let file = File::open(path).map_err(cannot)?;
        if file.metadata().map_err(cannot)?.permissions().mode() & 0o007 != 0 {
            return Err(Error::Setup(format!("everybody may use {}: chmod o=", path.display())));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_FILE).read_to_string(&mut text).map_err(cannot)?;
        let versions = parse(&text).map_err(|rule| Error::Setup(format!("{}: {rule}", path.display())))?;
        let Some((current, _)) = versions.first() else {
            return Err(Error::Setup(format!("there is no key in {}", path.display())));
        };
        Ok(Self { current: current.clone(), versions, random })
    }

    /// Makes a file with one new version, for this user alone. An existing file stays as it is, and is an error.
    pub fn create(path: &Path, name: &str, random: &dyn Random) -> Result<(), Error> {
        check_name(name).map_err(|rule| Error::Setup(rule.to_owned()))?;
        let cannot = |error| Error::Setup(format!("cannot make the root key {}: {error}", path.display()));
        let secret = Zeroizing::new(veza_core::bytes::<32>(random));
        let mut line = Zeroizing::new(String::with_capacity(256));
        // Writing to a string does not fail.
        let _always = writeln!(line, "{name} {}", *Zeroizing::new(BASE64.encode(*secret)));
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)
    }

    fn version(&self, name: &str) -> Result<&Secret, Error> {
        let found = self.versions.iter().find(|(known, _)| known == name);
        found.map(|(_, secret)| secret).ok_or(Error::Crypto("no version of the root key has this name"))
    }
}

impl RootKey for LocalRootKey {
    fn current(&self) -> &str {
        &self.current
    }

    fn wrap<'a>(&'a self, context: &'a [u8], key: &'a Secret) -> Pending<'a, WrappedKey> {
        let wrapped =
            self.version(&self.current).and_then(|secret| wrap(secret, context, key, &*self.random));
        let root = self.current.clone();
        async move { Ok(WrappedKey { root, bytes: wrapped? }) }.boxed()
    }

    fn unwrap<'a>(&'a self, context: &'a [u8], wrapped: &'a WrappedKey) -> Pending<'a, Secret> {
        let key = self.version(&wrapped.root).and_then(|secret| unwrap(secret, context, &wrapped.bytes));
        async move { key }.boxed()
    }
}

impl std::fmt::Debug for LocalRootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalRootKey").field("current", &self.current).finish_non_exhaustive()
    }
}

fn parse(text: &str) -> Result<Vec<(String, Secret)>, &'static str> {
    let mut versions: Vec<(String, Secret)> = Vec::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        let (name, key) = line.split_once(char::is_whitespace).ok_or("a line is a name and a key")?;
        check_name(name)?;
        if versions.iter().any(|(known, _)| known == name) {
            return Err("two keys have one name");
        }
        let mut secret = Secret::default();
        let decoded = BASE64.decode(key.trim()).map(Zeroizing::new).ok();
        match decoded {
            Some(bytes) if bytes.len() == secret.len() => secret.copy_from_slice(&bytes),
            _ => return Err("a key is 32 bytes in base64"),
        }
        versions.push((name.to_owned(), secret));
    }
    Ok(versions)
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if fits { Ok(()) } else { Err("a key's name is 1 to 63 of a-z, A-Z, 0-9, '-', '_' and '.'") }
}
