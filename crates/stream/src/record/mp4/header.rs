//! What stands before all fragments.

use mp4_atom::{
    Dinf, Dref, DrefEntry, FixedPoint, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Mehd, Minf, Moov, Mvex, Mvhd, Smhd,
    Stbl, Stco, Stsd, Tkhd, Trak, Trex, Url, Vmhd,
};

use super::entry::entry;
use super::{Unfit, encoded, track_id};
use crate::record::sample::Described;

/// Ticks of the whole file's clock in a second.
const TIMESCALE: u32 = 1_000;

/// The header of a file with these tracks. `milliseconds` is how long it is, where that is known.
pub(crate) fn header(tracks: &[Described<'_>], milliseconds: Option<u64>) -> Result<Vec<u8>, Unfit> {
    let kind = Ftyp {
        major_brand: FourCC::new(b"iso6"),
        minor_version: 0,
        compatible_brands: [b"iso6", b"cmfc", b"mp41"].map(FourCC::new).to_vec(),
    };
    let mut bytes = encoded(&kind)?;
    bytes.extend(encoded(&moov(tracks, milliseconds)?)?);
    Ok(bytes)
}

fn moov(tracks: &[Described<'_>], milliseconds: Option<u64>) -> Result<Moov, Unfit> {
    let trex = |track: &Described<'_>| {
        Ok(Trex { track_id: track_id(track.track)?, default_sample_description_index: 1, ..Trex::default() })
    };
    let last = tracks.iter().map(|track| track.track).max().unwrap_or(0);
    Ok(Moov {
        mvhd: Mvhd {
            timescale: TIMESCALE,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: track_id(last)?.saturating_add(1),
            ..Mvhd::default()
        },
        mvex: Some(Mvex {
            mehd: milliseconds.map(|fragment_duration| Mehd { fragment_duration }),
            trex: tracks.iter().map(trex).collect::<Result<_, Unfit>>()?,
        }),
        trak: tracks.iter().map(trak).collect::<Result<_, _>>()?,
        ..Moov::default()
    })
}

fn trak(track: &Described<'_>) -> Result<Trak, Unfit> {
    let size = track.formats.last().and_then(|format| format.size());
    let (width, height) = size.map_or((0, 0), |size| (size.width, size.height));
    let codecs = track.formats.iter().map(|format| entry(format)).collect::<Result<_, _>>()?;
    Ok(Trak {
        tkhd: Tkhd {
            track_id: track_id(track.track)?,
            enabled: true,
            in_movie: true,
            volume: FixedPoint::from(u8::from(size.is_none())),
            width: width.into(),
            height: height.into(),
            ..Tkhd::default()
        },
        mdia: Mdia {
            mdhd: Mdhd { timescale: track.rate, language: "und".to_owned(), ..Mdhd::default() },
            hdlr: Hdlr {
                handler: if size.is_some() { FourCC::new(b"vide") } else { FourCC::new(b"soun") },
                name: String::new(),
            },
            minf: Minf {
                vmhd: size.map(|_| Vmhd::default()),
                smhd: size.is_none().then(Smhd::default),
                dinf: Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } },
                stbl: Stbl { stsd: Stsd { codecs }, stco: Some(Stco::default()), ..Stbl::default() },
                ..Minf::default()
            },
        },
        ..Trak::default()
    })
}
