use uuid::Uuid;

use super::entry::Entry;
use super::segment::parse;
use super::*;
use crate::codec::Codec;
use crate::id::{ChannelId, RecordingId};
use crate::record::container::Container;
use crate::record::piece::{Fragment, Piece};
use crate::record::reason::EndReason;
use crate::record::recording::RecordedTrack;

fn head() -> Head {
    Head {
        tenant: Uuid::from_u128(1),
        recording: RecordingId::from_uuid(Uuid::from_u128(2)),
        channel: ChannelId::from_uuid(Uuid::from_u128(3)),
        bucket: "recordings".to_owned(),
        container: Container::Mp4,
        tracks: vec![RecordedTrack { mid: "0".to_owned(), codec: Codec::Opus }],
        started_at: chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
    }
}

fn fragment(second: u64, keyframe: bool) -> Fragment {
    let (begin_ms, end_ms) = (second * 1_000, second * 1_000 + 1_000);
    Fragment { bytes: vec![u8::try_from(second).unwrap(); 100], begin_ms, end_ms, keyframe }
}

#[test]
fn what_is_written_is_read_and_what_is_torn_is_not() {
    let mut bytes = Vec::new();
    let entries = [Entry::Header(7, vec![9; 30]), Entry::Fragment(fragment(1, true))];
    for entry in &entries {
        bytes.extend(entry.write().unwrap());
    }
    let whole = parse(&bytes).unwrap();
    assert_eq!((whole.header.0, whole.bytes.len(), whole.keyframe), (7, 100, true));
    let first = bytes.len();
    bytes.extend(Entry::Fragment(fragment(2, false)).write().unwrap());
    assert_eq!(parse(&bytes).unwrap().bytes.len(), 200);
    for end in first..bytes.len() {
        assert_eq!(parse(&bytes[..end]).unwrap(), whole, "cut at {end}");
    }
    for place in first..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        assert_eq!(parse(&damaged).unwrap(), whole, "damaged at {place}");
    }
    assert_eq!(parse(&bytes[..first - 1]), None);
}

#[test]
fn a_log_is_cut_into_segments_and_held_by_its_writer() {
    let root = veza_testing::TestDirectory::new();
    let mut log = Log::create(root.path(), &head()).unwrap();
    assert!(Log::create(root.path(), &head()).is_err(), "it is locked");
    assert!(abandoned(root.path()).unwrap().is_empty());
    let mut append = |piece| {
        log.append(piece).unwrap();
        log.take_complete()
    };
    assert!(append(Piece::Header(vec![1])).is_empty());
    for second in 0..4 {
        assert!(append(Piece::Fragment(fragment(second, second == 0))).is_empty());
    }
    assert_eq!(append(Piece::Fragment(fragment(4, false))), [1]);
    assert!(append(Piece::Fragment(fragment(6, true))).is_empty());
    assert_eq!(append(Piece::Fragment(fragment(7, true))), [2]);
    assert_eq!(append(Piece::Header(vec![2])), [3]);
    assert!(append(Piece::Fragment(fragment(8, true))).is_empty());
    let end = End { reason: EndReason::Ended, at: head().started_at };
    log.close();
    assert_eq!(log.take_complete(), [4]);
    log.end(&end).unwrap();
    let directory = log.directory().to_owned();
    let found = segments(&directory).unwrap();
    let read = |number: u32| read_segment(&segment_path(&directory, number + 1)).unwrap().unwrap();
    assert_eq!(found, [1, 2, 3, 4]);
    assert_eq!(read_head(&directory).unwrap(), Some(head()));
    assert_eq!((read(0).begin_ms, read(0).end_ms, read(0).header.0), (0, 4_000, 1));
    assert_eq!((read(1).begin_ms, read(1).end_ms, read(1).keyframe), (4_000, 7_000, false));
    assert_eq!(read(3).header, (2, vec![2]));
    assert_eq!(read_end(&directory), Some(end));
    drop(log);
    assert_eq!(abandoned(root.path()).unwrap().len(), 1);
    remove_segment(&directory, 1).unwrap();
    remove_segment(&directory, 1).unwrap();
    remove(&directory).unwrap();
    assert!(abandoned(root.path()).unwrap().is_empty());
}
