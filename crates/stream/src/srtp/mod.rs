//! SRTP and SRTCP (RFC 3711, RFC 7714): packets are sealed and opened where they lie.

mod counter;
mod derive;
mod gcm;
mod open;
mod replay;
mod seal;
#[cfg(test)]
mod tests;

pub(crate) use self::open::Opener;
pub(crate) use self::replay::nearest;
pub(crate) use self::seal::Sealer;

/// A protection profile (RFC 5764 section 4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// AES-128-GCM (RFC 7714), which costs a fifth of the other.
    Aes128Gcm,
    /// AES in counter mode and HMAC-SHA1 of 80 bits, which everybody must know.
    Aes128CmSha1_80,
}

/// The length of both profiles' keys, in bytes.
const KEY: usize = 16;

impl Profile {
    const fn salt(self) -> usize {
        match self {
            Self::Aes128Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes of keying material that DTLS exports for both directions.
    pub(crate) const fn keying_material(self) -> usize {
        2 * (KEY + self.salt())
    }

    /// Bytes that sealing adds to a packet of RTP.
    pub(crate) const fn tag(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
        }
    }
}

/// Why a packet was refused, or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SrtpError {
    /// Too short, or not what its header says.
    #[error("the packet is malformed")]
    Malformed,
    /// Altered on its way, or not made with the peer's key.
    #[error("the tag is wrong")]
    WrongTag,
    /// It came before, or is too old to tell.
    #[error("the packet was seen before")]
    Replayed,
    /// More sources than a peer may have.
    #[error("the peer has too many sources")]
    TooManySources,
    /// The key has been used for as many packets as it may be.
    #[error("the key is worn out")]
    WornOut,
}

impl SrtpError {
    /// The word that it is counted under.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongTag => "wrong_tag",
            Self::Replayed => "replayed",
            Self::TooManySources => "too_many_sources",
            Self::WornOut => "worn_out",
        }
    }
}

/// Both directions of a server's connection: what it seals with, and what it opens with. `material` is what DTLS
/// exported under `EXTRACTOR-dtls_srtp`: the client's key, the server's key, the client's salt, the server's salt
/// (RFC 5764 section 4.2).
pub(crate) fn server(profile: Profile, material: &[u8]) -> Option<(Sealer, Opener)> {
    sides(profile, material).map(|(client, server)| (Sealer::new(server), Opener::new(client)))
}

/// The same for the client.
#[cfg(test)]
pub(crate) fn client(profile: Profile, material: &[u8]) -> Option<(Sealer, Opener)> {
    sides(profile, material).map(|(client, server)| (Sealer::new(client), Opener::new(server)))
}

fn sides(profile: Profile, material: &[u8]) -> Option<(derive::Side, derive::Side)> {
    let (client_key, rest) = material.split_first_chunk::<KEY>()?;
    let (server_key, rest) = rest.split_first_chunk::<KEY>()?;
    let (client_salt, server_salt) = rest.split_at_checked(profile.salt())?;
    let client = derive::Side::new(profile, client_key, client_salt)?;
    Some((client, derive::Side::new(profile, server_key, server_salt)?))
}
