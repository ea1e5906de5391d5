//! Another publisher in the place of one.

use std::time::{Duration, Instant};

use crate::sdp::plays;
use crate::track::Track;

/// Between what was sent last of one publisher and first of the next there is at least so much time.
const LEAST: Duration = Duration::from_millis(10);

/// Which of the `published` tracks each of a viewer's shows: the first that it can play and that no other shows. None when
/// one of them could show nothing, for what was agreed cannot be changed.
pub(crate) fn succession<'t>(
    watched: impl IntoIterator<Item = &'t Track>,
    published: &[Track],
) -> Option<Vec<usize>> {
    let mut shown = Vec::new();
    for track in watched {
        let fits = |(at, sent): &(usize, &Track)| !shown.contains(at) && plays(track, sent);
        let (at, _) = published.iter().enumerate().find(fits)?;
        shown.push(at);
    }
    Some(shown)
}

/// Where a track of a viewer was when its publisher went: what the viewer gets next is behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    /// The timestamp of the last packet, as viewers got it.
    pub(crate) timestamp: u32,
    /// When that packet came.
    pub(crate) arrived: Instant,
}

impl Left {
    /// The timestamp of the first packet of the next publisher, which came at `arrived`.
    pub(crate) fn resumed(self, arrived: Instant, clock_rate: u32) -> u32 {
        let passed = arrived.saturating_duration_since(self.arrived).max(LEAST);
        let ticks = passed.as_micros() * u128::from(clock_rate) / 1_000_000;
        self.timestamp.wrapping_add(u32::try_from(ticks & 0xffff_ffff).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;
    use crate::extension::ExtensionMap;
    use crate::track::Feedback;

    fn track(codec: Codec, format: Option<&str>) -> Track {
        Track {
            mid: "0".to_owned(),
            codec,
            format: format.map(str::to_owned),
            payload_type: 96,
            rtx_payload_type: None,
            ssrc: None,
            rtx_ssrc: None,
            extensions: ExtensionMap::default(),
            feedback: Feedback::default(),
        }
    }

    #[test]
    fn what_can_be_played_is_shown() {
        let (opus, vp8) = (track(Codec::Opus, None), track(Codec::Vp8, None));
        let both = [opus.clone(), vp8.clone()];
        assert_eq!(succession(&both, &both), Some(vec![0, 1]));
        assert_eq!(succession(&both, &[vp8.clone(), opus.clone()]), Some(vec![1, 0]));
        assert_eq!(succession([&opus], &both), Some(vec![0]), "nobody has to watch all of it");
        assert_eq!(succession(&both, std::slice::from_ref(&opus)), None, "there are no pictures");
        assert_eq!(succession([&opus, &opus], &both), None, "one is shown once");
        let (baseline, high) = (Some("profile-level-id=42e01f"), Some("profile-level-id=640c1f"));
        let (baseline, high) = (track(Codec::H264, baseline), track(Codec::H264, high));
        assert_eq!(succession([&high], std::slice::from_ref(&baseline)), Some(vec![0]));
        assert_eq!(succession([&baseline], std::slice::from_ref(&high)), None);
        assert_eq!(succession([&vp8], std::slice::from_ref(&high)), None);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "any moment will do")]
    fn timestamps_go_on_as_time_does() {
        let left = Left { timestamp: u32::MAX - 100, arrived: Instant::now() };
        assert_eq!(left.resumed(left.arrived + Duration::from_secs(2), 90_000), 180_000 - 101);
        assert_eq!(left.resumed(left.arrived, 90_000), 900 - 101, "never back");
    }
}
