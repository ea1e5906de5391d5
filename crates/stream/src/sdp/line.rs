//! The lines of a session description (RFC 8866 section 5).

use super::refusal::Refusal;

/// Bytes that a description may have. Those of browsers with every codec have a tenth of it.
pub const MAX_BYTES: usize = 64 * 1024;
/// Lines that a description may have.
const MAX_LINES: usize = 4_000;

/// A line: `kind=value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// Which one; the first is 1.
    pub(super) number: usize,
    pub(super) kind: char,
    pub(super) value: &'t str,
}

/// All lines of a text. They end with CRLF, or with LF alone, which RFC 8866 asks to accept; the last one may end with
/// the text.
pub(super) fn lines(text: &str) -> Result<Vec<Line<'_>>, Refusal> {
    if text.len() > MAX_BYTES {
        return Err(Refusal::whole("at most 65536 bytes"));
    }
    let mut lines = Vec::new();
    let mut blank = None;
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            blank.get_or_insert(number);
            continue;
        }
        // Only the end of a text may have empty lines.
        if let Some(blank) = blank {
            return Err(Refusal::malformed(blank, "no line is empty"));
        }
        if number > MAX_LINES {
            return Err(Refusal::whole("at most 4000 lines"));
        }
        lines.push(read(number, line)?);
    }
    Ok(lines)
}

fn read(number: usize, line: &str) -> Result<Line<'_>, Refusal> {
    let parts = line.split_once('=').filter(|(kind, _)| kind.len() == 1);
    let (kind, value) =
        parts.ok_or_else(|| Refusal::malformed(number, "a line is one letter, `=` and a value"))?;
    if value.contains(['\0', '\r']) {
        return Err(Refusal::malformed(number, "no value has NUL or CR"));
    }
    Ok(Line { number, kind: kind.chars().next().unwrap_or_default(), value })
}
