//! What comes in.

use std::fmt;

use aws_lc_rs::aead::Aad;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::Tag;

use super::SrtpError;
use super::counter::vector;
use super::derive::{Cipher, Side, Signed};
use super::gcm::nonce;
use super::replay::Window;
use super::seal::{ENCRYPTED, REPORT_HEAD, rollover, sign_packet, source_of};

/// Sources that a peer may have: two tracks, each with retransmissions, three layers of each, and some to spare.
const MAX_SOURCES: usize = 16;

/// Checks and reads what a peer sends.
pub(crate) struct Opener {
    side: Side,
    media: Vec<(u32, Window)>,
    reports: Window,
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("sources", &self.media.len()).finish_non_exhaustive()
    }
}

impl Opener {
    pub(super) fn new(side: Side) -> Self {
        Self { side, media: Vec::new(), reports: Window::default() }
    }

    /// Opens a packet of media whose header takes the first `header` bytes. Gives its number, counted on, and how long
    /// header and payload are now, without the tag.
    pub(crate) fn open(
        &mut self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        sequence: u16,
    ) -> Result<(u64, usize), SrtpError> {
        let known = self.media.iter().position(|(source, _)| *source == ssrc);
        if known.is_none() && self.media.len() >= MAX_SOURCES {
            return Err(SrtpError::TooManySources);
        }
        let mut window = known.and_then(|at| self.media.get(at)).map_or_else(Window::default, |it| it.1);
        let index = window.index(sequence);
        if !window.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let length = self.open_media(packet, header, ssrc, index)?;
        window.note(index);
        // A source is one only when it had the key.
        match known.and_then(|at| self.media.get_mut(at)) {
            Some(known) => known.1 = window,
            None => self.media.push((ssrc, window)),
        }
        Ok((index, length))
    }

    fn open_media(
        &self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, SrtpError> {
        let cipher = &self.side.media;
        let length = packet.len().checked_sub(cipher.tag()).filter(|length| *length >= header);
        let length = length.ok_or(SrtpError::Malformed)?;
        match cipher {
            Cipher::Gcm { key, salt } => {
                let (head, body) = packet.split_at_mut_checked(header).ok_or(SrtpError::Malformed)?;
                let opened = key.open_in_place(nonce(salt, ssrc, index), Aad::from(head), body);
                opened.map_err(|_error| SrtpError::WrongTag)?;
            }
            Cipher::Counter(signed_by) => {
                let Signed { key, salt, sign } = &**signed_by;
                let (signed, tag) = packet.split_at_mut_checked(length).ok_or(SrtpError::Malformed)?;
                check(&sign_packet(sign, signed, rollover(index)), tag)?;
                let body = signed.get_mut(header..).ok_or(SrtpError::Malformed)?;
                key.apply(vector(salt, ssrc, index), body).ok_or(SrtpError::Malformed)?;
            }
        }
        Ok(length)
    }

    /// Opens reports and gives how long they are now.
    pub(crate) fn open_reports(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = source_of(packet)?;
        let cipher = &self.side.reports;
        let (word_at, length) = match cipher {
            Cipher::Gcm { .. } => (4, 4 + cipher.tag()),
            Cipher::Counter(_) => (4 + cipher.tag(), 4 + cipher.tag()),
        };
        let end = |behind: usize| packet.len().checked_sub(behind).ok_or(SrtpError::Malformed);
        let (word_at, length) = (end(word_at)?, end(length)?);
        let word = packet.get(word_at..word_at + 4).and_then(|word| word.try_into().ok());
        let word = u32::from_be_bytes(word.ok_or(SrtpError::Malformed)?);
        let number = u64::from(word & !ENCRYPTED);
        // Nobody has a reason to send a report in the clear.
        if word & ENCRYPTED == 0 || length < REPORT_HEAD {
            return Err(SrtpError::Malformed);
        }
        if !self.reports.is_new(number) {
            return Err(SrtpError::Replayed);
        }
        self.open_body(packet, ssrc, word, word_at, length)?;
        self.reports.note(number);
        Ok(length)
    }

    fn open_body(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        word: u32,
        word_at: usize,
        length: usize,
    ) -> Result<(), SrtpError> {
        let number = u64::from(word & !ENCRYPTED);
        match &self.side.reports {
            Cipher::Gcm { key, salt } => {
                let (text, _) = packet.split_at_mut_checked(word_at).ok_or(SrtpError::Malformed)?;
                let (head, body) = text.split_at_mut_checked(REPORT_HEAD).ok_or(SrtpError::Malformed)?;
                let mut aad = [0; REPORT_HEAD + 4];
                for (to, from) in aad.iter_mut().zip(head.iter().chain(&word.to_be_bytes())) {
                    *to = *from;
                }
                let opened = key.open_in_place(nonce(salt, ssrc, number), Aad::from(aad), body);
                opened.map(drop).map_err(|_error| SrtpError::WrongTag)
            }
            Cipher::Counter(signed_by) => {
                let Signed { key, salt, sign } = &**signed_by;
                let (signed, tag) = packet.split_at_mut_checked(word_at + 4).ok_or(SrtpError::Malformed)?;
                check(&sign_packet(sign, signed, [0; 0]), tag)?;
                let body = signed.get_mut(REPORT_HEAD..length).ok_or(SrtpError::Malformed)?;
                key.apply(vector(salt, ssrc, number), body).ok_or(SrtpError::Malformed)
            }
        }
    }
}

fn check(right: &Tag, tag: &[u8]) -> Result<(), SrtpError> {
    let right = right.as_ref().get(..tag.len()).ok_or(SrtpError::Malformed)?;
    verify_slices_are_equal(right, tag).map_err(|_error| SrtpError::WrongTag)
}
