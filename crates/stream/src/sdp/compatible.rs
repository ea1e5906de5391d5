//! Whether who offers a format can play what is sent in another one of the same codec.
//!
//! Levels are left out: browsers offer one far below what they decode, and all say that the two directions may differ.

use super::format::parameter;
use crate::{Codec, Track};

/// How well a format suits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It decodes what is sent, which is less than it could.
    Superset,
    /// It is the very one.
    Same,
}

/// Whether `offered`, the parameters of a receiver, plays what `sent` describes.
pub(super) fn fit(codec: Codec, sent: Option<&str>, offered: Option<&str>) -> Option<Fit> {
    let (sent, offered) = (sent.unwrap_or_default(), offered.unwrap_or_default());
    match codec {
        Codec::H264 => h264(sent, offered),
        // RFC 9628 section 6: each profile is a bitstream of its own.
        Codec::Vp9 => equal(number(sent, "profile-id", 0), number(offered, "profile-id", 0)),
        // RFC 7798 section 7.1; 1 is Main.
        Codec::H265 => equal(number(sent, "profile-id", 1), number(offered, "profile-id", 1)),
        // Section 7.2 of its payload format: High decodes Main, Professional both.
        Codec::Av1 => at_least(number(sent, "profile", 0), number(offered, "profile", 0)),
        Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::Vp8 => Some(Fit::Same),
    }
}

/// Whether who agreed to receive `track` plays what is sent as `sent`.
pub(crate) fn plays(track: &Track, sent: &Track) -> bool {
    track.codec == sent.codec && fit(sent.codec, sent.format.as_deref(), track.format.as_deref()).is_some()
}

/// A parameter that is a number; none of ours when it is none.
fn number(text: &str, name: &str, default: u8) -> Option<u8> {
    match parameter(text, name) {
        Some(value) => value.parse().ok(),
        None => Some(default),
    }
}

fn equal(sent: Option<u8>, offered: Option<u8>) -> Option<Fit> {
    (sent.is_some() && sent == offered).then_some(Fit::Same)
}

fn at_least(sent: Option<u8>, offered: Option<u8>) -> Option<Fit> {
    let (sent, offered) = sent.zip(offered)?;
    match offered.cmp(&sent) {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => Some(Fit::Same),
        std::cmp::Ordering::Greater => Some(Fit::Superset),
    }
}

/// RFC 6184 section 8.1: who takes packets of mode 1 takes those of mode 0, not the other way round; mode 2 interleaves.
fn h264(sent: &str, offered: &str) -> Option<Fit> {
    let mode = |text| number(text, "packetization-mode", 0).filter(|mode| *mode < 2);
    let mode = at_least(mode(sent), mode(offered))?;
    let (sent, offered) = (Profile::of(sent)?, Profile::of(offered)?);
    let profile = if sent == offered { Fit::Same } else { offered.decodes(sent).then_some(Fit::Superset)? };
    Some(mode.min(profile))
}

/// A profile of H.264.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
    High444,
}

impl Profile {
    /// What `profile-level-id` says: its first byte is the profile, its second says what is not used of it (RFC 6184
    /// section 8.1, table 5). Without one it is Baseline.
    fn of(text: &str) -> Option<Self> {
        let id = parameter(text, "profile-level-id").unwrap_or("420010");
        let id = u32::from_str_radix(id, 16).ok().filter(|_| id.len() == 6)?;
        let [_, profile, constraints, _level] = id.to_be_bytes();
        let has = |bit: u8| constraints & (0x80 >> bit) != 0;
        match profile {
            0x42 | 0x58 if has(1) => Some(Self::ConstrainedBaseline),
            0x4d if has(0) => Some(Self::ConstrainedBaseline),
            0x42 => Some(Self::Baseline),
            0x58 if has(0) => Some(Self::Baseline),
            0x4d => Some(Self::Main),
            0x64 if has(4) && has(5) => Some(Self::ConstrainedHigh),
            0x64 => Some(Self::High),
            0xf4 => Some(Self::High444),
            _ => None,
        }
    }

    /// Whether a decoder of this profile decodes another (H.264 annex A.2).
    fn decodes(self, other: Self) -> bool {
        match self {
            Self::ConstrainedBaseline => other == Self::ConstrainedBaseline,
            Self::Baseline => matches!(other, Self::Baseline | Self::ConstrainedBaseline),
            Self::Main => matches!(other, Self::Main | Self::ConstrainedBaseline),
            Self::ConstrainedHigh => matches!(other, Self::ConstrainedHigh | Self::ConstrainedBaseline),
            Self::High | Self::High444 => other == self || !matches!(other, Self::Baseline | Self::High444),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_h264_are_told_apart() {
        let fit = |sent: &str, offered: &str| fit(Codec::H264, Some(sent), Some(offered));
        let one = |id: &str| format!("packetization-mode=1;profile-level-id={id}");
        let constrained = one("42e01f");
        assert_eq!(fit(&constrained, &one("42e034")), Some(Fit::Same), "levels do not count");
        assert_eq!(fit(&constrained, &one("4d801f")), Some(Fit::Same), "the same by another name");
        assert_eq!(fit(&constrained, &one("640c1f")), Some(Fit::Superset));
        assert_eq!(fit(&one("42001f"), &constrained), None);
        assert_eq!(fit(&one("64001f"), &one("4d001f")), None);
        assert_eq!(fit(&one("4d001f"), &one("64001f")), Some(Fit::Superset));
        assert_eq!(fit(&constrained, "profile-level-id=42e01f"), None, "mode 0 takes no packets of mode 1");
        assert_eq!(fit("profile-level-id=42e01f", &constrained), Some(Fit::Superset));
        assert_eq!(fit("profile-level-id=42e01f;packetization-mode=2", &constrained), None);
        assert_eq!(fit("", "profile-level-id=42001f"), Some(Fit::Same), "Baseline when nothing is said");
        for nonsense in ["profile-level-id=", "profile-level-id=42e0", "profile-level-id=zzzzzz"] {
            assert_eq!(fit(&constrained, nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn profiles_of_the_others() {
        assert_eq!(fit(Codec::Vp9, None, Some("profile-id=0")), Some(Fit::Same));
        assert_eq!(fit(Codec::Vp9, Some("profile-id=2"), Some("profile-id=0")), None);
        assert_eq!(fit(Codec::Vp9, Some("profile-id=0"), Some("profile-id=2")), None);
        assert_eq!(fit(Codec::Av1, Some("profile=1"), Some("level-idx=5;profile=0")), None);
        assert_eq!(fit(Codec::Av1, None, Some("profile=1")), Some(Fit::Superset));
        assert_eq!(fit(Codec::H265, Some("profile-id=1"), None), Some(Fit::Same));
        assert_eq!(fit(Codec::Opus, Some("stereo=1"), None), Some(Fit::Same));
    }
}
