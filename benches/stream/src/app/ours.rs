//! Veza's plane.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use veza_core::{Clock, SystemClock, SystemRandom};
use veza_stream::plane::{Event, Plane, PlaneConfig};
use veza_stream::{
    Agreed, Codec, Credentials, Extension, ExtensionMap, Feedback, Fingerprint, SessionId, Track,
};

use super::Serves;
use crate::Outcome;
use crate::sdp::{Description, Media, Style};

pub struct Ours {
    plane: Plane,
    events: UnboundedReceiver<Event>,
    source: Option<SessionId>,
    next_ssrc: u32,
}

impl Ours {
    pub fn start() -> Outcome<Self> {
        let config = PlaneConfig {
            port: 0,
            listen: vec!["127.0.0.1".parse()?],
            threads: 1,
            tcp: false,
            ..PlaneConfig::default()
        };
        let (plane, events) = Plane::start(&config, Arc::new(SystemRandom))?;
        Ok(Self { plane, events, source: None, next_ssrc: 0x7000_0000 })
    }

    /// Answers an offer; the media sections of a viewer get sources of their own.
    fn answer(&mut self, offer: &str, is_viewer: bool) -> Outcome<(Agreed, String)> {
        while let Ok(event) = self.events.try_recv() {
            if !matches!(event, Event::Connected(_)) {
                eprintln!("{event:?}");
            }
        }
        let offer = Description::read(offer)?;
        let mut media = offer.media.clone();
        if is_viewer {
            for section in &mut media {
                section.ssrc = Some(self.next_ssrc);
                section.rtx_ssrc = section.rtx_payload_type.map(|_| self.next_ssrc + 1);
                self.next_ssrc += 2;
            }
        }
        let local = self.plane.credentials();
        let address = self.plane.candidates().first().map(|candidate| candidate.address);
        let own = Description {
            ufrag: local.ufrag.clone(),
            pwd: local.pwd.clone(),
            fingerprint: self.plane.fingerprint().0,
            address,
            media: media.clone(),
        };
        let direction = if is_viewer { "sendonly" } else { "recvonly" };
        let answer = own.write(Style { direction, setup: "passive", lite: true });
        let agreed = Agreed {
            local,
            remote: Credentials { ufrag: offer.ufrag, pwd: offer.pwd },
            fingerprints: vec![Fingerprint(offer.fingerprint)],
            tracks: media.iter().map(track).collect(),
        };
        Ok((agreed, answer))
    }

    fn id() -> SessionId {
        SessionId::generate(SystemClock.now(), &SystemRandom)
    }
}

impl Serves for Ours {
    fn publish(&mut self, offer: &str) -> Outcome<String> {
        let (agreed, answer) = self.answer(offer, false)?;
        let session = Self::id();
        self.plane.publish(session, agreed)?;
        self.source = Some(session);
        Ok(answer)
    }

    fn view(&mut self, offer: &str) -> Outcome<String> {
        let (agreed, answer) = self.answer(offer, true)?;
        self.plane.watch(Self::id(), self.source.ok_or("nobody publishes")?, vec![0, 1], agreed)?;
        Ok(answer)
    }
}

fn track(media: &Media) -> Track {
    let mut extensions = ExtensionMap::default();
    extensions.insert(4, Extension::Mid);
    if let Some(id) = media.transport_cc {
        extensions.insert(id, Extension::TransportCc);
    }
    let video = media.is_video;
    Track {
        mid: media.mid.clone(),
        codec: if video { Codec::Vp8 } else { Codec::Opus },
        format: None,
        payload_type: media.payload_type,
        rtx_payload_type: media.rtx_payload_type,
        ssrc: media.ssrc,
        rtx_ssrc: media.rtx_ssrc,
        extensions,
        feedback: Feedback {
            nack: video,
            pli: video,
            fir: video,
            transport_cc: media.transport_cc.is_some(),
        },
    }
}
