//! Why a text is not taken.

use std::borrow::Cow;
use std::fmt;

/// What is wrong, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// It is no session description.
    Malformed,
    /// It is one that cannot be served here, whatever is live.
    Unsupported,
    /// It cannot be served with what is live now.
    Incompatible,
}

/// Why an offer, an answer or a fragment is refused: the rule that it breaks, and the line where, when it is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, roughly.
    pub kind: RefusalKind,
    /// The line that breaks the rule; the first one is 1.
    pub line: Option<usize>,
    /// The rule.
    pub rule: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn malformed(line: usize, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: RefusalKind::Malformed, line: Some(line), rule: rule.into() }
    }

    pub(super) fn whole(rule: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: RefusalKind::Malformed, line: None, rule: rule.into() }
    }

    pub(super) fn unsupported(line: Option<usize>, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: RefusalKind::Unsupported, line, rule: rule.into() }
    }

    pub(super) fn incompatible(line: usize, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: RefusalKind::Incompatible, line: Some(line), rule: rule.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.rule),
            None => f.write_str(&self.rule),
        }
    }
}

impl std::error::Error for Refusal {}
