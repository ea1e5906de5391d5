//! Matroska (RFC 9559) and `WebM`: a header, and clusters behind it.

mod cluster;
mod ebml;
mod header;
mod track;
mod whole;

pub(crate) use self::cluster::clusters;
pub(crate) use self::header::header;
pub(crate) use self::whole::whole;
