//! Offers and answers (RFC 3264, RFC 8866, RFC 9429), as far as WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) need them.
//!
//! A text is read whole or refused with its line or the rule that it breaks; nothing of it is guessed. Whoever offers
//! chooses the numbers of payload types, header extensions and media sections: they are never changed.

mod answer;
mod attribute;
mod compatible;
mod counter;
mod extmap;
mod format;
mod fragment;
mod line;
mod media;
mod offer;
mod publish;
mod refusal;
mod session;
mod source;
mod transport;
mod watch;
mod write;

pub(crate) use self::compatible::plays;
pub use self::{
    answer::Local,
    counter::{CounterOffer, Taken},
    fragment::Fragment,
    line::MAX_BYTES,
    offer::Offer,
    publish::Publishing,
    refusal::{Refusal, RefusalKind},
    watch::Watching,
};

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
