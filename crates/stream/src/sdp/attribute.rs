//! Attributes: `a=name` and `a=name:value`.

use super::line::Line;

/// An attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute<'t> {
    /// Where it stands.
    pub(super) line: usize,
    pub(super) name: &'t str,
    /// What follows the colon; nothing where there is none.
    pub(super) value: &'t str,
}

impl<'t> Attribute<'t> {
    pub(super) fn of(line: Line<'t>) -> Self {
        let (name, value) = line.value.split_once(':').unwrap_or((line.value, ""));
        Self { line: line.number, name, value: value.trim() }
    }
}

/// The first attribute of a name.
pub(super) fn first<'a, 't>(attributes: &'a [Attribute<'t>], name: &str) -> Option<&'a Attribute<'t>> {
    attributes.iter().find(|attribute| attribute.name == name)
}

/// Whether there is one of a name.
pub(super) fn has(attributes: &[Attribute<'_>], name: &str) -> bool {
    first(attributes, name).is_some()
}
