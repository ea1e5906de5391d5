//! How a format stands in a header: sample entries.

use mp4_atom::{
    Audio, Av01, Av1c, Avc1, Avcc, AvccExt, Codec, Dops, Hvc1, HvcCArray, Hvcc, Opus, Visual, Vp09, VpcC,
};

use super::Unfit;
use crate::record::format::{Av1Format, AvcFormat, Format, HevcFormat, Size, Vp9Format};

pub(super) fn entry(format: &Format) -> Result<Codec, Unfit> {
    match format {
        Format::Avc(avc) => {
            Ok(Codec::Avc1(Avc1 { visual: visual(avc.size), avcc: avcc(avc)?, ..Avc1::default() }))
        }
        Format::Hevc(hevc) => {
            Ok(Codec::Hvc1(Hvc1 { visual: visual(hevc.size), hvcc: hvcc(hevc), ..Hvc1::default() }))
        }
        Format::Vp9(vp9) => {
            Ok(Codec::Vp09(Vp09 { visual: visual(vp9.size), vpcc: vpcc(vp9), ..Vp09::default() }))
        }
        Format::Av1(av1) => {
            Ok(Codec::Av01(Av01 { visual: visual(av1.size), av1c: av1c(av1), ..Av01::default() }))
        }
        Format::Opus => Ok(Codec::Opus(opus())),
        Format::Vp8(_) | Format::Pcmu | Format::Pcma | Format::G722 => {
            Err(Unfit("a codec of Matroska".to_owned()))
        }
    }
}

fn visual(size: Size) -> Visual {
    Visual { data_reference_index: 1, width: size.width, height: size.height, ..Visual::default() }
}

/// Browsers decode to two channels whatever was sent, and RTP says two always.
fn opus() -> Opus {
    Opus {
        audio: Audio {
            data_reference_index: 1,
            channel_count: 2,
            sample_size: 16,
            sample_rate: 48_000.into(),
        },
        dops: Dops {
            output_channel_count: 2,
            pre_skip: 0,
            input_sample_rate: 48_000,
            output_gain: 0,
            channel_mapping: None,
        },
        btrt: None,
    }
}

/// ISO/IEC 14496-15 section 5.3.3.1.
pub(crate) fn avcc(format: &AvcFormat) -> Result<Avcc, Unfit> {
    let sps = format.sps.first().ok_or_else(|| Unfit("no parameter set".to_owned()))?;
    let pps = format.pps.first().ok_or_else(|| Unfit("no parameter set".to_owned()))?;
    let mut avcc = Avcc::new(sps, pps)?;
    // Five bits count them; the one in force is the first.
    avcc.sequence_parameter_sets = format.sps.iter().take(31).cloned().collect();
    avcc.picture_parameter_sets = format.pps.iter().take(255).cloned().collect();
    avcc.ext = [100, 110, 122, 144].contains(&avcc.avc_profile_indication).then(|| AvccExt {
        chroma_format: format.chroma,
        bit_depth_luma: format.depths.0,
        bit_depth_chroma: format.depths.1,
        sequence_parameter_sets_ext: Vec::new(),
    });
    Ok(avcc)
}

/// ISO/IEC 14496-15 section 8.3.3.1.
pub(crate) fn hvcc(format: &HevcFormat) -> Hvcc {
    let [first, c0, c1, c2, c3, i0, i1, i2, i3, i4, i5, level] = format.profile;
    let array = |nal_unit_type: u8, nalus: &Vec<Vec<u8>>| HvcCArray {
        completeness: true,
        nal_unit_type,
        nalus: nalus.clone(),
    };
    Hvcc {
        general_profile_space: first >> 6,
        general_tier_flag: first & 0x20 != 0,
        general_profile_idc: first & 0x1f,
        general_profile_compatibility_flags: [c0, c1, c2, c3],
        general_constraint_indicator_flags: [i0, i1, i2, i3, i4, i5],
        general_level_idc: level,
        chroma_format_idc: format.chroma,
        bit_depth_luma_minus8: format.depths.0.saturating_sub(8),
        bit_depth_chroma_minus8: format.depths.1.saturating_sub(8),
        num_temporal_layers: format.temporal_layers,
        temporal_id_nested: format.temporal_nested,
        length_size_minus_one: 3,
        arrays: vec![array(32, &format.vps), array(33, &format.sps), array(34, &format.pps)],
        ..Hvcc::new()
    }
}

fn vpcc(format: &Vp9Format) -> VpcC {
    VpcC {
        profile: format.profile,
        level: level(format.size),
        bit_depth: format.depth,
        chroma_subsampling: format.subsampling,
        video_full_range_flag: format.full_range,
        // Unspecified: the stream says it.
        color_primaries: 2,
        transfer_characteristics: 2,
        matrix_coefficients: 2,
        codec_initialization_data: Vec::new(),
    }
}

/// The least level of VP9 that has pictures so large, at 30 in a second ("VP9 levels" of the `WebM` project).
fn level(size: Size) -> u8 {
    let picture = u32::from(size.width) * u32::from(size.height);
    let levels = [(36_864, 10), (73_728, 11), (122_880, 20), (245_760, 21), (552_960, 30), (983_040, 31)];
    let larger = [(2_228_224, 40), (8_912_896, 50)];
    let fits = levels.iter().chain(&larger).find(|(most, _)| picture <= *most);
    fits.map_or(60, |(_, level)| *level)
}

/// Section 2.3 of the AV1 binding to ISO base media files.
pub(crate) fn av1c(format: &Av1Format) -> Av1c {
    Av1c {
        seq_profile: format.profile,
        seq_level_idx_0: format.level,
        seq_tier_0: format.high_tier,
        high_bitdepth: format.colour.high_depth,
        twelve_bit: format.colour.twelve_bits,
        monochrome: format.colour.monochrome,
        chroma_subsampling_x: format.colour.subsampled.0,
        chroma_subsampling_y: format.colour.subsampled.1,
        chroma_sample_position: format.colour.position,
        initial_presentation_delay: None,
        config_obus: format.sequence_header.clone(),
    }
}
