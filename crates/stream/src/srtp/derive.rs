//! Session keys from master keys (RFC 3711 section 4.3).

use aws_lc_rs::aead::{AES_128_GCM, LessSafeKey, UnboundKey};
use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key};

use super::counter::Counter;
use super::{KEY, Profile};

/// Of media; those of reports are three higher.
const ENCRYPTION: u8 = 0;
const AUTHENTICATION: u8 = 1;
const SALT: u8 = 2;
const OF_REPORTS: u8 = 3;

/// What one side of a connection protects its packets with.
pub(crate) struct Side {
    pub(super) media: Cipher,
    pub(super) reports: Cipher,
}

/// A cipher with its keys.
pub(super) enum Cipher {
    Gcm { key: LessSafeKey, salt: [u8; 12] },
    Counter(Box<Signed>),
}

/// Counter mode with HMAC-SHA1. It is large, and seldom.
pub(super) struct Signed {
    pub(super) key: Counter,
    pub(super) salt: [u8; 14],
    pub(super) sign: Key,
}

impl Side {
    pub(super) fn new(profile: Profile, key: &[u8; KEY], salt: &[u8]) -> Option<Self> {
        let master = Master { key: Counter::new(key)?, salt };
        Some(Self { media: master.cipher(profile, 0)?, reports: master.cipher(profile, OF_REPORTS)? })
    }
}

impl Cipher {
    pub(super) fn tag(&self) -> usize {
        match self {
            Self::Gcm { .. } => Profile::Aes128Gcm.tag(),
            Self::Counter(_) => Profile::Aes128CmSha1_80.tag(),
        }
    }
}

struct Master<'m> {
    key: Counter,
    salt: &'m [u8],
}

impl Master<'_> {
    fn cipher(&self, profile: Profile, offset: u8) -> Option<Cipher> {
        let key: [u8; KEY] = self.derive(ENCRYPTION + offset)?;
        Some(match profile {
            Profile::Aes128Gcm => {
                let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
                Cipher::Gcm { key, salt: self.derive(SALT + offset)? }
            }
            Profile::Aes128CmSha1_80 => {
                let sign =
                    Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.derive::<20>(AUTHENTICATION + offset)?);
                let salt = self.derive(SALT + offset)?;
                Cipher::Counter(Box::new(Signed { key: Counter::new(&key)?, salt, sign }))
            }
        })
    }

    /// The key stream of the master key that begins at the salt with `label` added (sections 4.3.1 and 4.3.3). A key is never
    /// derived again, so the index is zero. A shorter salt is filled up with zeros (RFC 7714 section 11).
    fn derive<const N: usize>(&self, label: u8) -> Option<[u8; N]> {
        let mut vector = [0_u8; 16];
        for (to, from) in vector.iter_mut().zip(self.salt) {
            *to = *from;
        }
        // The label stands above the 48 bits of an index, and the vector is sixteen bits longer than the salt.
        let vector = (u128::from_be_bytes(vector) ^ (u128::from(label) << 64)).to_be_bytes();
        let mut derived = [0; N];
        self.key.apply(vector, &mut derived)?;
        Some(derived)
    }
}
