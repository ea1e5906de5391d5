//! Header extensions in `a=extmap` (RFC 8285 section 5).

use super::attribute::Attribute;
use super::refusal::Refusal;
use crate::{Extension, ExtensionMap};

/// Those of a section that are understood or passed on. Others are left out of the answer, so they are not sent.
pub(super) fn read(attributes: &[Attribute<'_>]) -> Result<ExtensionMap, Refusal> {
    let mut map = ExtensionMap::default();
    for attribute in attributes.iter().filter(|attribute| attribute.name == "extmap") {
        let malformed = || Refusal::malformed(attribute.line, "a=extmap has a number and a URI");
        let mut parts = attribute.value.split(' ').filter(|part| !part.is_empty());
        let (id, uri) = parts.next().zip(parts.next()).ok_or_else(malformed)?;
        let (id, direction) = id.split_once('/').unwrap_or((id, "sendrecv"));
        let id: u16 = id.parse().map_err(|_no_number| malformed())?;
        if !["sendrecv", "sendonly", "recvonly", "inactive"].contains(&direction) {
            return Err(malformed());
        }
        let known = Extension::ALL.into_iter().find(|extension| extension.uri() == uri);
        if let (Some(extension), Ok(id)) = (known.filter(|_| direction != "inactive"), u8::try_from(id)) {
            // Numbers beyond the one-byte form, and second ones, are left out.
            let _taken = map.insert(id, extension);
        }
    }
    Ok(map)
}

/// What of `map` is answered.
pub(super) fn kept(map: &ExtensionMap, keep: impl Fn(Extension) -> bool) -> ExtensionMap {
    let mut kept = ExtensionMap::default();
    for (id, extension) in map.iter().filter(|(_, extension)| keep(*extension)) {
        let _taken = kept.insert(id, extension);
    }
    kept
}
