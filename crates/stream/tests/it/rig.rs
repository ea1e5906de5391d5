//! Channels on a real PostgreSQL, and offers of peers that never come.

use veza_core::config::Secret;
use veza_core::page::PageRequest;
use veza_core::{Caller, Db, Tasks};
use veza_stream::channel::{self, Channel, NewChannel};
use veza_stream::plane::PlaneConfig;
use veza_stream::session::{self, Session, SessionsOf};
use veza_stream::{ChannelId, Error, StreamConfig, Streams};

pub(crate) fn config() -> StreamConfig {
    let loopback: std::net::IpAddr = "127.0.0.1".parse().unwrap();
    let media = PlaneConfig {
        port: 0,
        threads: 1,
        listen: vec![loopback],
        announce: vec![loopback],
        ..PlaneConfig::default()
    };
    StreamConfig { media, ..StreamConfig::default() }
}

/// A process that takes media. It ends when the tasks do.
pub(crate) fn node_with(db: &Db, config: StreamConfig) -> (Streams, Tasks) {
    let (streams, tasks) = (Streams::new(db.clone(), config, &Secret::new("root")).unwrap(), Tasks::new());
    streams.start_media(&tasks).unwrap();
    (streams, tasks)
}

pub(crate) fn node(db: &Db) -> (Streams, Tasks) {
    node_with(db, config())
}

pub(crate) fn new(name: &str) -> NewChannel {
    NewChannel { name: name.to_owned(), ..NewChannel::default() }
}

pub(crate) async fn create(db: &Db, caller: &Caller, new: NewChannel) -> Result<Channel, Error> {
    let permit = caller.permit().unwrap();
    db.tenant(caller, move |tx| channel::create(tx, &permit, &config(), &new)).await
}

pub(crate) async fn sessions(db: &Db, caller: &Caller, id: ChannelId, of: SessionsOf) -> Vec<Session> {
    let (permit, page) = (caller.permit().unwrap(), PageRequest::new(None, None).unwrap());
    db.read(caller, move |tx| session::list(tx, &permit, id, of, &page)).await.unwrap().items
}

/// An offer of Opus and VP8.
pub(crate) fn offer(direction: &str) -> String {
    let section = |kind: &str, mid: u8, number: u8, codec: &str| {
        format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF {number}\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:EsAw\r\n\
             a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:{mid}\r\n\
             a={direction}\r\na=rtcp-mux\r\na=rtpmap:{number} {codec}\r\na=rtcp-fb:{number} nack\r\n",
            ["AB"; 32].join(":")
        )
    };
    let (audio, video) = (section("audio", 0, 111, "opus/48000/2"), section("video", 1, 96, "VP8/90000"));
    format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n{audio}{video}")
}
