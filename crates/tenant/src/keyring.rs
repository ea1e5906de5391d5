//! Everything that follows from the root secret: seals, signatures, successors.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use veza_core::{Random, bytes};

use crate::error::Error;

/// Keys derived from the root secret, one per purpose.
pub(crate) struct Keyring {
    root: hmac::Key,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring([secret])")
    }
}

/// What a derived key is for. A code made for one purpose means nothing for another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Invitation,
    RefreshSuccessor,
    SigningKeySeal,
    FirstRun,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Invitation => b"veza invitation v1",
            Self::RefreshSuccessor => b"veza refresh successor v1",
            Self::SigningKeySeal => b"veza signing key seal v1",
            Self::FirstRun => b"veza first run v1",
        }
    }
}

impl Keyring {
    /// Reads the root secret: base64 of 32 bytes or more.
    pub(crate) fn new(root_secret: &str) -> Option<Self> {
        let secret = STANDARD.decode(root_secret.trim()).ok()?;
        (secret.len() >= 32).then(|| Self { root: hmac::Key::new(hmac::HMAC_SHA256, &secret) })
    }

    fn key(&self, purpose: Purpose) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.root, purpose.label()).as_ref())
    }

    /// A code over `parts` that only this deployment can make.
    pub(crate) fn code(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key(purpose));
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut code = [0; 32];
        for (to, from) in code.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        code
    }

    /// Encrypts `plain` with AES-256-GCM, bound to `context`.
    pub(crate) fn seal(&self, context: &[u8], plain: &[u8], random: &dyn Random) -> Result<Vec<u8>, Error> {
        let nonce = bytes::<NONCE_LEN>(random);
        let mut sealed = plain.to_vec();
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .map_err(|_unspecified| Error::Crypto("sealing failed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Decrypts what [`Keyring::seal`] made.
    pub(crate) fn unseal(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = || Error::Crypto("a sealed key does not open with this root secret");
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_length| failed())?;
        let mut plain = rest.to_vec();
        let length = self
            .cipher()?
            .open_in_place(nonce, Aad::from(context), &mut plain)
            .map_err(|_unspecified| failed())?
            .len();
        plain.truncate(length);
        Ok(plain)
    }

    fn cipher(&self) -> Result<LessSafeKey, Error> {
        let key = self.code(Purpose::SigningKeySeal, &[]);
        UnboundKey::new(&AES_256_GCM, &key)
            .map(LessSafeKey::new)
            .map_err(|_unspecified| Error::Crypto("bad key"))
    }
}

#[cfg(test)]
mod tests {
    use veza_core::SeededRandom;

    use super::*;

    fn keyring(byte: u8) -> Keyring {
        Keyring::new(&STANDARD.encode([byte; 32])).unwrap()
    }

    #[test]
    fn a_seal_opens_with_its_key_and_context_only() {
        let random = SeededRandom::new(1);
        let sealed = keyring(1).seal(b"kid-1", b"private", &random).unwrap();
        assert_eq!(keyring(1).unseal(b"kid-1", &sealed).unwrap(), b"private");
        assert!(keyring(2).unseal(b"kid-1", &sealed).is_err());
        assert!(keyring(1).unseal(b"kid-2", &sealed).is_err());
        assert!(keyring(1).unseal(b"kid-1", &sealed[..8]).is_err());
        assert!(Keyring::new("c2hvcnQ=").is_none());
    }

    #[test]
    fn codes_depend_on_purpose_and_every_part() {
        let code = |purpose, parts: &[&[u8]]| keyring(1).code(purpose, parts);
        let base = code(Purpose::Invitation, &[b"ab", b"c"]);
        assert_ne!(base, code(Purpose::Invitation, &[b"a", b"bc"]));
        assert_ne!(base, code(Purpose::FirstRun, &[b"ab", b"c"]));
        assert_eq!(base, code(Purpose::Invitation, &[b"ab", b"c"]));
    }
}
