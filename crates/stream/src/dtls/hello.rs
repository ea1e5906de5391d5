//! What a `ClientHello` offers for media, read before the handshake begins: of what both sides know we want the cheapest,
//! and the handshake would take the first of the client's list.

/// Record type of handshakes (RFC 6347 section 4.1).
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// RFC 5764 section 4.1.1.
const USE_SRTP: u16 = 14;
/// `SRTP_AEAD_AES_128_GCM` (RFC 7714 section 14.2).
const AES_128_GCM: u16 = 7;

/// A fragment of a `ClientHello`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment<'d> {
    /// Bytes of the whole message.
    pub(super) length: usize,
    /// Where the fragment begins in it.
    pub(super) offset: usize,
    pub(super) bytes: &'d [u8],
}

impl<'d> Fragment<'d> {
    /// Those of a datagram: a client may put several records into one (RFC 6347 section 4.1.1), as OpenSSL does that knows
    /// no largest size.
    pub(super) fn all(mut datagram: &'d [u8]) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let (fragment, rest) = Self::first(datagram)?;
            datagram = rest;
            Some(fragment)
        })
    }

    /// The fragment of the first record, and what follows.
    fn first(datagram: &'d [u8]) -> Option<(Self, &'d [u8])> {
        let (record, rest) = datagram.split_first_chunk::<13>()?;
        let [kind, _, _, epoch0, epoch1, _, _, _, _, _, _, l0, l1] = *record;
        let (body, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        let (head, bytes) = body.split_first_chunk::<12>()?;
        let [message, m0, m1, m2, _, _, o0, o1, o2, f0, f1, f2] = *head;
        let is_hello = kind == HANDSHAKE && [epoch0, epoch1] == [0, 0] && message == CLIENT_HELLO;
        let bytes = bytes.get(..number([f0, f1, f2]))?;
        let fragment = Self { length: number([m0, m1, m2]), offset: number([o0, o1, o2]), bytes };
        is_hello.then_some((fragment, rest))
    }
}

fn number([high, middle, low]: [u8; 3]) -> usize {
    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)
}

/// Whether a whole `ClientHello` offers AES-128-GCM for media.
pub(super) fn offers_gcm(hello: &[u8]) -> bool {
    extension(hello, USE_SRTP).is_some_and(|body| {
        let profiles = body
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| rest.get(..usize::from(u16::from_be_bytes(*length))));
        let mut profiles = profiles.unwrap_or_default().chunks_exact(2);
        profiles.any(|profile| profile == AES_128_GCM.to_be_bytes())
    })
}

/// The body of an extension (RFC 5246 section 7.4.1.2, with the cookie of RFC 6347 section 4.2.1).
fn extension(hello: &[u8], wanted: u16) -> Option<&[u8]> {
    // Version and random.
    let rest = hello.get(34..)?;
    // Session id, cookie, cipher suites, compression methods.
    let rest = skip_short(rest)?;
    let rest = skip_short(rest)?;
    let rest = split_long(rest)?.1;
    let rest = skip_short(rest)?;
    let mut extensions = split_long(rest)?.0;
    while let Some((kind, rest)) = extensions.split_first_chunk::<2>() {
        let (body, rest) = split_long(rest)?;
        if u16::from_be_bytes(*kind) == wanted {
            return Some(body);
        }
        extensions = rest;
    }
    None
}

/// Goes over a field with a length of one byte.
fn skip_short(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first()?;
    rest.get(usize::from(*length)..)
}

/// A field with a length of two bytes, and what follows.
fn split_long(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Fragment, offers_gcm};

    fn hello(profiles: &[u8]) -> Vec<u8> {
        let mut hello = vec![254, 253];
        hello.extend([7; 32]);
        hello.extend([0, 2, 9, 9, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
        let mut extensions = vec![0, 23, 0, 0, 0, 14, 0, u8::try_from(profiles.len() + 3).unwrap()];
        extensions.extend([0, u8::try_from(profiles.len()).unwrap()]);
        extensions.extend(profiles);
        extensions.push(0);
        hello.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        hello.extend(extensions);
        hello
    }

    #[test]
    fn what_a_client_offers_is_seen() {
        assert!(offers_gcm(&hello(&[0, 1, 0, 7])));
        assert!(!offers_gcm(&hello(&[0, 1, 0, 8])));
        let whole = hello(&[0, 1, 0, 7]);
        for length in 0..whole.len() {
            assert!(!offers_gcm(&whole[..length]), "{length}");
        }
    }

    #[test]
    fn fragments_are_told_apart() {
        let mut datagram = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15];
        datagram.extend([1, 0, 1, 0, 0, 0, 0, 0, 5, 0, 0, 3, 7, 8, 9]);
        let read = Fragment { length: 256, offset: 5, bytes: &[7, 8, 9] };
        assert_eq!(Fragment::all(&datagram).collect::<Vec<_>>(), std::slice::from_ref(&read));
        datagram.extend(datagram.clone());
        assert_eq!(Fragment::all(&datagram).collect::<Vec<_>>(), [read.clone(), read]);
        datagram[13] = 2;
        assert_eq!(Fragment::all(&datagram).next(), None);
    }

    proptest! {
        #[test]
        fn nothing_that_comes_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _any = Fragment::all(&bytes).count();
            let _any = offers_gcm(&bytes);
        }
    }
}
