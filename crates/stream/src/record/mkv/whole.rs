//! One file of a header and clusters.

use super::ebml::{Ebml, id, read};
use super::header::info;
use crate::record::joined::Part;

/// What begins and what ends a file whose clusters are `parts`: its last `header`, which says now how long it is, where
/// the cues are, and the cues. None where the header is not one of ours.
pub(crate) fn whole(header: &[u8], milliseconds: u64, parts: &[Part]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, start, segment) = read(header).filter(|(id, ..)| *id == id::EBML)?;
    let (_, mut inner, _) = read(segment).filter(|(id, ..)| *id == id::SEGMENT)?;
    let mut tracks = None;
    while let Some((id, content, behind)) = read(inner) {
        if id == id::TRACKS {
            tracks = Some(content);
        }
        inner = behind;
    }
    let tracks = tracks?;
    // Positions take the same place whatever they are, so the first head is as long as the last.
    let before = head(0, milliseconds, tracks);
    let clusters: u64 = parts.iter().map(|part| part.bytes).sum();
    let first = u64::try_from(before.len()).ok()?;
    let before = head(first.checked_add(clusters)?, milliseconds, tracks);
    let cues = cues(first, cue_track(tracks)?, parts);
    let size = first.checked_add(clusters)?.checked_add(u64::try_from(cues.len()).ok()?)?;
    let mut ebml = Ebml::default();
    ebml.bytes(id::EBML, start);
    ebml.id(id::SEGMENT);
    ebml.size(usize::try_from(size).ok()?);
    ebml.0.extend(before);
    Some((ebml.0, cues))
}

fn head(cues: u64, milliseconds: u64, tracks: &[u8]) -> Vec<u8> {
    let mut ebml = Ebml::default();
    ebml.master(id::SEEK_HEAD, |ebml| {
        ebml.master(id::SEEK, |ebml| {
            ebml.bytes(id::SEEK_ID, &id::CUES.to_be_bytes());
            ebml.long_number(id::SEEK_POSITION, cues);
        });
    });
    info(&mut ebml, Some(milliseconds));
    ebml.bytes(id::TRACKS, tracks);
    ebml.0
}

/// The track by which a player finds its way: the first with pictures, or the first.
fn cue_track(tracks: &[u8]) -> Option<u64> {
    let (mut found, mut rest) = (None, tracks);
    while let Some((_, mut entry, behind)) = read(rest) {
        let (mut number, mut video) = (0, false);
        while let Some((id, content, behind)) = read(entry) {
            match id {
                id::TRACK_NUMBER => number = content.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)),
                id::TRACK_TYPE => video = content == [1],
                _ => {}
            }
            entry = behind;
        }
        if video {
            return Some(number);
        }
        found = found.or(Some(number));
        rest = behind;
    }
    found
}

/// Where segments begin that can be begun with. `position` is that of the first.
fn cues(mut position: u64, track: u64, parts: &[Part]) -> Vec<u8> {
    let mut points = Ebml::default();
    for part in parts {
        if part.keyframe {
            points.master(id::CUE_POINT, |ebml| {
                ebml.number(id::CUE_TIME, part.begin_ms);
                ebml.master(id::CUE_TRACK_POSITIONS, |ebml| {
                    ebml.number(id::CUE_TRACK, track);
                    ebml.number(id::CUE_CLUSTER_POSITION, position);
                });
            });
        }
        position = position.saturating_add(part.bytes);
    }
    let mut ebml = Ebml::default();
    ebml.bytes(id::CUES, &points.0);
    ebml.0
}
