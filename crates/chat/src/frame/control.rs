//! What a ping carries.

use std::ops::Deref;

use bytes::Bytes;

/// The data of a ping or a pong: at most 125 bytes (RFC 6455, section 5.5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlData(Bytes);

impl ControlData {
    /// The most bytes that a control frame carries.
    pub const MAX: usize = 125;

    /// None when there are more than [`ControlData::MAX`] bytes.
    pub fn new(data: impl Into<Bytes>) -> Option<Self> {
        let data = data.into();
        (data.len() <= Self::MAX).then_some(Self(data))
    }

    /// The bytes, shared.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// What a frame carried whose length was checked with its head.
    pub(super) fn of_frame(data: Vec<u8>) -> Self {
        Self(Bytes::from(data))
    }
}

impl Deref for ControlData {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_at_most_125_bytes() {
        assert_eq!(ControlData::new(vec![7; 125]).unwrap().into_bytes(), vec![7; 125]);
        assert_eq!(ControlData::new(vec![7; 126]), None);
    }
}
