//! Numbers that begin anew after 65,535, counted on.

/// The number that ends in `low` and is nearest to `near`.
pub fn extend(near: u64, low: u16) -> u64 {
    let guess = near & !0xffff | u64::from(low);
    match guess.abs_diff(near) {
        0..=0x8000 => guess,
        _ if guess > near => guess.saturating_sub(0x1_0000),
        _ => guess + 0x1_0000,
    }
}
