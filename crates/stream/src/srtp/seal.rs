//! What goes out.

use std::fmt;

use aws_lc_rs::aead::Aad;
use aws_lc_rs::hmac::{Context, Key};

use super::SrtpError;
use super::counter::vector;
use super::derive::{Cipher, Side, Signed};
use super::gcm::nonce;

/// The fixed part of a report that stays readable: its first header with its source.
pub(super) const REPORT_HEAD: usize = 8;
/// Set in the last word of a report whose body is encrypted (RFC 3711 section 3.4).
pub(super) const ENCRYPTED: u32 = 1 << 31;

/// Protects what goes to a peer.
pub(crate) struct Sealer {
    side: Side,
    reports: u32,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    pub(super) fn new(side: Side) -> Self {
        Self { side, reports: 0 }
    }

    /// Bytes that a packet of media grows by.
    pub(crate) fn tag(&self) -> usize {
        self.side.media.tag()
    }

    /// Writes `payload` and `padding` behind the header that stands in the first `header` bytes of `packet`, sealed, and
    /// the tag behind them; `packet` is exactly as long as all of it. `index` is the sequence number, counted on.
    pub(crate) fn seal(
        &self,
        packet: &mut [u8],
        header: usize,
        parts: [&[u8]; 2],
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        // No number is used twice with a key (RFC 3711 section 9.2).
        if index >> 48 != 0 {
            return Err(SrtpError::WornOut);
        }
        let [payload, padding] = parts;
        let (head, body) = packet.split_at_mut_checked(header).ok_or(SrtpError::Malformed)?;
        let (text, rest) = body.split_at_mut_checked(payload.len()).ok_or(SrtpError::Malformed)?;
        match &self.side.media {
            Cipher::Gcm { key, salt } => key
                .seal_out_of_place_scatter(
                    nonce(salt, ssrc, index),
                    Aad::from(head),
                    payload,
                    text,
                    padding,
                    rest,
                )
                .map_err(|_error| SrtpError::Malformed),
            Cipher::Counter(signed_by) => {
                let Signed { key, salt, sign } = &**signed_by;
                text.copy_from_slice(payload);
                let (filled, _) = rest.split_at_mut_checked(padding.len()).ok_or(SrtpError::Malformed)?;
                filled.copy_from_slice(padding);
                let end = packet.len().checked_sub(self.tag()).ok_or(SrtpError::Malformed)?;
                let (signed, tag) = packet.split_at_mut_checked(end).ok_or(SrtpError::Malformed)?;
                let body = signed.get_mut(header..).ok_or(SrtpError::Malformed)?;
                key.apply(vector(salt, ssrc, index), body).ok_or(SrtpError::Malformed)?;
                copy_tag(tag, &sign_packet(sign, signed, rollover(index)))
            }
        }
    }

    /// Seals reports (a compound of RTCP) and appends what makes it SRTCP.
    pub(crate) fn seal_reports(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let number =
            self.reports.checked_add(1).filter(|number| *number < ENCRYPTED).ok_or(SrtpError::WornOut)?;
        let ssrc = source_of(packet)?;
        let word = (ENCRYPTED | number).to_be_bytes();
        let (head, body) = packet.split_at_mut_checked(REPORT_HEAD).ok_or(SrtpError::Malformed)?;
        match &self.side.reports {
            Cipher::Gcm { key, salt } => {
                let mut aad = [0; REPORT_HEAD + 4];
                for (to, from) in aad.iter_mut().zip(head.iter().chain(&word)) {
                    *to = *from;
                }
                let nonce = nonce(salt, ssrc, number.into());
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), body);
                packet.extend_from_slice(tag.map_err(|_error| SrtpError::Malformed)?.as_ref());
                packet.extend_from_slice(&word);
            }
            Cipher::Counter(signed_by) => {
                let Signed { key, salt, sign } = &**signed_by;
                key.apply(vector(salt, ssrc, number.into()), body).ok_or(SrtpError::Malformed)?;
                packet.extend_from_slice(&word);
                let tag = sign_packet(sign, packet, [0; 0]);
                packet.extend(tag.as_ref().iter().take(self.side.reports.tag()));
            }
        }
        self.reports = number;
        Ok(())
    }
}

/// The upper bits of a packet's number, which are signed but not sent.
pub(super) fn rollover(index: u64) -> [u8; 4] {
    let [_, _, upper @ .., _, _] = index.to_be_bytes();
    upper
}

/// HMAC over a packet and what is not sent of its number (RFC 3711 section 4.2).
pub(super) fn sign_packet<const N: usize>(
    key: &Key,
    packet: &[u8],
    rollover: [u8; N],
) -> aws_lc_rs::hmac::Tag {
    let mut context = Context::with_key(key);
    context.update(packet);
    context.update(&rollover);
    context.sign()
}

/// The source that stands in a compound's first header.
pub(super) fn source_of(reports: &[u8]) -> Result<u32, SrtpError> {
    let bytes = reports.get(4..REPORT_HEAD).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_be_bytes).ok_or(SrtpError::Malformed)
}

fn copy_tag(to: &mut [u8], tag: &aws_lc_rs::hmac::Tag) -> Result<(), SrtpError> {
    to.copy_from_slice(tag.as_ref().get(..to.len()).ok_or(SrtpError::Malformed)?);
    Ok(())
}
