//! A session that watches.

use super::egress::Egress;

/// What is known of a viewer.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// Where what it watches stands.
    pub(crate) source: usize,
    /// Its tracks, in the order of media sections.
    pub(crate) tracks: Vec<Egress>,
}
