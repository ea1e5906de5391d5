//! A packetiser of AV1, for ffmpeg of Debian has none: OBUs of a temporal unit, cut where a packet is full.

use super::media::Rtp;

const MTU: usize = 1_100;

fn leb128(bytes: &[u8]) -> (usize, usize) {
    let (mut value, mut len) = (0, 0);
    loop {
        value |= usize::from(bytes[len] & 0x7f) << (7 * len);
        len += 1;
        if bytes[len - 1] & 0x80 == 0 {
            return (value, len);
        }
    }
}

/// Temporal units of a raw stream, as OBUs without their sizes.
fn units(mut stream: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut units: Vec<Vec<Vec<u8>>> = Vec::new();
    while !stream.is_empty() {
        let header = stream[0];
        let extension = usize::from(header & 4 != 0);
        let (size, len) = leb128(&stream[1 + extension..]);
        let start = 1 + extension + len;
        let mut obu = vec![header & !2];
        obu.extend(&stream[1..=extension]);
        obu.extend(&stream[start..start + size]);
        if header >> 3 & 15 == 2 {
            units.push(Vec::new());
        } else {
            units.last_mut().unwrap().push(obu);
        }
        stream = &stream[start + size..];
    }
    units
}

/// Packets of a raw stream whose temporal units are `step` ticks apart.
pub(super) fn packed(stream: &[u8], step: u32) -> Vec<Rtp> {
    let (mut packets, mut timestamp, mut sequence) = (Vec::new(), 0xffff_0000_u32, 65_530_u16);
    for unit in units(stream) {
        let begins = unit[0][0] >> 3 & 15 == 1;
        let mut payloads: Vec<Vec<u8>> = vec![vec![if begins { 0x08 } else { 0 }]];
        for obu in &unit {
            let mut rest = obu.as_slice();
            loop {
                let room = MTU.saturating_sub(payloads.last().unwrap().len() + 2);
                if room < 16 {
                    payloads.push(vec![0]);
                    continue;
                }
                let (part, behind) = rest.split_at(room.min(rest.len()));
                let payload = payloads.last_mut().unwrap();
                let [low, high] = u16::try_from(part.len()).unwrap().to_le_bytes();
                payload.extend([0x80 | low, high << 1 | low >> 7]);
                payload.extend(part);
                if behind.is_empty() {
                    break;
                }
                payload[0] |= 0x40;
                payloads.push(vec![0x80]);
                rest = behind;
            }
        }
        let last = payloads.len() - 1;
        for (at, payload) in payloads.into_iter().enumerate() {
            packets.push(Rtp { sequence, timestamp, marker: at == last, payload });
            sequence = sequence.wrapping_add(1);
        }
        timestamp = timestamp.wrapping_add(step);
    }
    packets
}
