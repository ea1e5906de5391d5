//! What stands before all clusters.

use super::ebml::{Ebml, UNKNOWN, id};
use super::track::entry;
use crate::record::container::Container;
use crate::record::mp4::Unfit;
use crate::record::sample::Described;

/// Nanoseconds of a tick of the whole file.
const SCALE: u64 = 1_000_000;

/// The header of a file with these tracks, whose clusters follow without a known end.
pub(crate) fn header(container: Container, tracks: &[Described<'_>]) -> Result<Vec<u8>, Unfit> {
    let mut ebml = Ebml::default();
    start(&mut ebml, container);
    ebml.id(id::SEGMENT);
    ebml.0.extend(UNKNOWN);
    info(&mut ebml, None);
    let mut entries = Ebml::default();
    for track in tracks {
        entry(&mut entries, track)?;
    }
    ebml.bytes(id::TRACKS, &entries.0);
    Ok(ebml.0)
}

fn start(ebml: &mut Ebml, container: Container) {
    ebml.master(id::EBML, |ebml| {
        ebml.number(id::EBML_VERSION, 1);
        ebml.number(id::EBML_READ_VERSION, 1);
        ebml.number(id::EBML_MAX_ID_LENGTH, 4);
        ebml.number(id::EBML_MAX_SIZE_LENGTH, 8);
        ebml.text(id::DOC_TYPE, if container == Container::Webm { "webm" } else { "matroska" });
        ebml.number(id::DOC_TYPE_VERSION, 4);
        ebml.number(id::DOC_TYPE_READ_VERSION, 2);
    });
}

pub(super) fn info(ebml: &mut Ebml, milliseconds: Option<u64>) {
    ebml.master(id::INFO, |ebml| {
        ebml.number(id::TIMESTAMP_SCALE, SCALE);
        ebml.text(id::MUXING_APP, "Veza");
        ebml.text(id::WRITING_APP, "Veza");
        // Exact for longer than anybody records: a double has 53 bits.
        if let Some(duration) = milliseconds.and_then(|duration| u32::try_from(duration).ok()) {
            ebml.float(id::DURATION, f64::from(duration));
        }
    });
}
