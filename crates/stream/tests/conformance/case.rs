//! A case: one demand, and how it is asked.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::client::Target;

/// One demand of a document.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The demand, in its document's words as far as they go into a line.
    pub(crate) demand: &'static str,
    /// Where it stands.
    pub(crate) source: &'static str,
    pub(crate) needs: Needs,
    pub(crate) ask: fn(&Target),
}

/// Which endpoint a case is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Whip,
    Whep,
    /// Our own server: the demand leaves the server a choice, and this is ours.
    Own,
}

pub(crate) enum Outcome {
    Holds,
    Skipped(&'static str),
    Fails(String),
}

impl Case {
    pub(crate) fn run(&self, target: &Target) -> Outcome {
        match self.needs {
            Needs::Whip if target.whip.is_none() => return Outcome::Skipped("no --whip"),
            Needs::Whep if target.whep.is_none() => return Outcome::Skipped("no --whep"),
            Needs::Own if target.idle.is_none() => return Outcome::Skipped("a choice of ours"),
            _ => {}
        }
        let asked = catch_unwind(AssertUnwindSafe(|| (self.ask)(target)));
        target.tidy();
        match asked {
            Ok(()) => Outcome::Holds,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Outcome::Fails(text.unwrap_or_default())
            }
        }
    }
}

/// Cases of a document: what they need, their name, the section, and the demand, in the document's words where it is one of
/// its own; `…` stands for words that are left out.
macro_rules! cases {
    ($document:literal; $($needs:ident $name:ident $section:literal: $demand:literal;)*) => {
        pub(crate) const CASES: &[$crate::case::Case] = &[$(
            $crate::case::Case {
                name: stringify!($name),
                demand: $demand,
                source: concat!($document, " section ", $section),
                needs: $crate::case::Needs::$needs,
                ask: $name,
            },
        )*];
    };
}
pub(crate) use cases;
