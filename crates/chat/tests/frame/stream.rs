//! What a peer might send: mostly right, sometimes spoiled.

use veza_chat::frame::{Limits, Role};

use crate::random::Random;

/// Characters of each width, with the ends of each range.
const CHARACTERS: [&str; 13] = [
    "a",
    "\0",
    "\u{7f}",
    "\u{80}",
    "\u{7ff}",
    "\u{800}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{ffff}",
    "\u{10000}",
    "\u{10ffff}",
    "Wort ",
    "💖",
];

/// The bytes of one connection, and who reads them.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) reader: Role,
    pub(crate) limits: Limits,
    pub(crate) bytes: Vec<u8>,
}

impl Stream {
    pub(crate) fn generate(random: &mut Random) -> Self {
        let reader = random.one_of(&[Role::Server, Role::Client]);
        let large = random.once_in(200);
        let limits = if large {
            Limits { message: 69_000, frame: 70_000 }
        } else {
            random.one_of(&[Limits { message: 250, frame: 200 }, Limits { message: 200, frame: 250 }])
        };
        let mut stream = Self { reader, limits, bytes: Vec::new() };
        for _ in 0..=random.below(5) {
            stream.push_message(random, large);
        }
        if random.once_in(3) {
            stream.push_close(random);
        }
        if random.once_in(2) {
            for _ in 0..=random.below(3) {
                spoil(&mut stream.bytes, random);
            }
        }
        stream
    }

    /// A message in fragments, with control frames between them.
    fn push_message(&mut self, random: &mut Random, large: bool) {
        let text = random.once_in(2);
        let payload = payload(random, text, large);
        let mut opcode = if text { 0x1 } else { 0x2 };
        let mut rest = payload.as_slice();
        while random.once_in(2) {
            let (fragment, after) = rest.split_at(random.below(rest.len() + 1));
            self.push_frame(random, opcode, fragment);
            (opcode, rest) = (0x0, after);
            if random.once_in(3) {
                let length = random.one_of(&[0, 1, 30, 125]);
                let (opcode, data) = (random.one_of(&[0x89, 0x8a]), random.bytes(length));
                self.push_frame(random, opcode, &data);
            }
        }
        self.push_frame(random, 0x80 | opcode, rest);
    }

    fn push_close(&mut self, random: &mut Random) {
        let code =
            random.one_of(&[1000_u16, 1001, 1007, 1013, 1014, 1015, 1005, 999, 2500, 3000, 4999, 5000]);
        let payload = [&code.to_be_bytes()[..], &payload(random, true, false)].concat();
        let length = random.one_of(&[0, 1, 2, 2, 3, 20, payload.len()]).min(payload.len());
        self.push_frame(random, 0x88, &payload[..length]);
    }

    /// Mostly as it should be.
    fn push_frame(&mut self, random: &mut Random, first: u8, payload: &[u8]) {
        let reserved = if random.once_in(400) { random.one_of(&[0x10, 0x20, 0x40]) } else { 0 };
        let masked = (self.reader == Role::Server) != random.once_in(300);
        let mask_bit = if masked { 0x80 } else { 0 };
        self.bytes.push(first ^ reserved);
        match (payload.len(), random.once_in(150)) {
            (0..126, false) => self.bytes.push(mask_bit | u8::try_from(payload.len()).unwrap()),
            (0..0x1_0000, _) => {
                self.bytes.push(mask_bit | 0x7e);
                self.bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
            (length, _) => {
                self.bytes.push(mask_bit | 0x7f);
                self.bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
            }
        }
        let key = if masked { random.mask() } else { [0; 4] };
        if masked {
            self.bytes.extend(key);
        }
        self.bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
}

fn payload(random: &mut Random, text: bool, large: bool) -> Vec<u8> {
    let longest = if large { 70_010 } else { 260 };
    let length = match random.below(8) {
        0 => random.one_of(&[0, 1, 124, 125, 126, 127]),
        1 if large => random.one_of(&[65_535, 65_536, 70_000]),
        1 | 2 => random.below(longest),
        _ => random.below(20),
    };
    if !text {
        return random.bytes(length);
    }
    let mut text = String::new();
    while text.len() < length {
        text.push_str(random.one_of(&CHARACTERS));
    }
    text.into_bytes()
}

/// One accident.
fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match (random.below(7), bytes.get_mut(at)) {
        (0 | 1, Some(byte)) => *byte ^= 1 << random.below(8),
        (2, Some(byte)) => *byte = random.byte(),
        (3, Some(_)) => drop(bytes.remove(at)),
        (4, _) => bytes.insert(at, random.byte()),
        (5, _) => bytes.truncate(at),
        (_, _) => {
            let again = bytes[at..bytes.len().min(at + 40)].to_vec();
            bytes.extend(again);
        }
    }
}
