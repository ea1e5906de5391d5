//! Channels over HTTP.

mod http;

/// An offer of Opus and VP8, of somebody who will never come.
pub(crate) fn offer(direction: &str) -> String {
    let fingerprint = ["AB"; 32].join(":");
    let section = |kind: &str, mid: u8, number: u8, codec: &str| {
        format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF {number}\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:EsAw\r\n\
             a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n\
             a=mid:{mid}\r\na={direction}\r\na=rtcp-mux\r\na=rtpmap:{number} {codec}\r\n"
        )
    };
    let (audio, video) = (section("audio", 0, 111, "opus/48000/2"), section("video", 1, 96, "VP8/90000"));
    format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n{audio}{video}")
}
