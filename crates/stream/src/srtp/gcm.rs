//! Nonces of AES-GCM (RFC 7714 sections 8.1 and 9.1).

use aws_lc_rs::aead::Nonce;

/// That of a packet: the salt, with the source and the packet's number added. `index` is the rollover counter and the
/// sequence number for media, and the number of the report for reports.
pub(super) fn nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let number = (u128::from(ssrc) << 48) | u128::from(index);
    let [_, _, _, _, number @ ..] = number.to_be_bytes();
    let mut nonce = *salt;
    for (to, from) in nonce.iter_mut().zip(number) {
        *to ^= from;
    }
    Nonce::assume_unique_for_key(nonce)
}
