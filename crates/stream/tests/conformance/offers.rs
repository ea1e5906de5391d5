//! Offers that are refused.

use crate::case::cases;
use crate::client::Target;

cases! { "RFC 9725";
    Whip another_media_type_is_refused "4.2": "a content type different than \"application/sdp\" …: MUST reject the HTTP POST request with an appropriate 4XX";
    Whip no_media_type_is_refused "4.2": "The HTTP POST request MUST have a content type of \"application/sdp\"";
    Whip what_is_no_sdp_is_refused "4.2": "or the SDP is malformed: MUST reject the HTTP POST request with an appropriate 4XX";
    Whip nothing_is_refused "4.2": "and contain the SDP offer as the body";
    Whip offers_to_receive_are_refused "4.2": "\"inactive\" and \"recvonly\" attributes MUST NOT be used";
    Whip inactive_offers_are_refused "4.2": "\"inactive\" and \"recvonly\" attributes MUST NOT be used";
    Whip two_of_a_kind_are_refused_whole "4.4.2": "number of … MediaStreamTracks … not supported: MUST reject … with an \"422 Unprocessable Content\" or \"400 Bad Request\"";
    Whip sections_without_bundle_are_refused "4.4.1": "Both the WHIP client and the WHIP endpoint SHALL … use \"max-bundle\" policy";
    Whip unknown_codecs_are_refused_whole "4.4.3": "SHOULD NOT reject individual \"m=\" sections … but reject … with an \"422 …\" or \"400 …\"";
    Whip refused_offers_begin_nothing "4.4.3": "to prevent having partially successful ingest sessions";
    Whip very_long_offers_are_refused "5": "HTTP POST flooding and resource exhaustion: an offer is of a size that a server can bear";
    Own  another_media_type_is_415 "4.2": "an appropriate 4XX is 415 (RFC 9110 15.5.16)";
    Own  very_long_offers_are_413 "5": "an offer that is too long is 413 (RFC 9110 15.5.14)";
    Own  what_cannot_be_served_is_422 "4.4.3": "422 (RFC 9110 15.5.21), with a problem statement that names the line";
    Own  simulcast_is_answered_without "4.8": "Simulcast … MAY be supported: an answer without a=simulcast takes one layer (RFC 8853 5.3.2)";
}

/// An offer of Opus and VP8.
pub(crate) fn offer(direction: &str) -> String {
    let fingerprint = ["AB"; 32].join(":");
    let section = |kind: &str, mid: u8, number: u8, codec: &str| {
        format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF {number}\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:EsAw\r\n\
             a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=mid:{mid}\r\na={direction}\r\n\
             a=msid:- track{mid}\r\na=rtcp-mux\r\na=rtcp-mux-only\r\na=rtpmap:{number} {codec}\r\n"
        )
    };
    let (audio, video) = (section("audio", 0, 111, "opus/48000/2"), section("video", 1, 96, "VP8/90000"));
    format!(
        "v=0\r\no=- 5228595038118931041 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n{audio}{video}"
    )
}

fn typed(target: &Target, kind: &str) -> crate::client::Answer {
    target.ask("POST", target.whip(), &[("content-type", kind)], &offer("sendonly"))
}

fn another_media_type_is_refused(target: &Target) {
    for kind in ["text/plain", "application/json", "application/sdpx", "application/trickle-ice-sdpfrag"] {
        typed(target, kind).refused();
    }
}

fn no_media_type_is_refused(target: &Target) {
    typed(target, "application/octet-stream").refused();
}

fn what_is_no_sdp_is_refused(target: &Target) {
    for text in ["nonsense", "v=0\r\n", "v=1\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "{}"] {
        target.post(target.whip(), text).refused();
    }
}

fn nothing_is_refused(target: &Target) {
    target.post(target.whip(), "").refused();
}

fn offers_to_receive_are_refused(target: &Target) {
    target.post(target.whip(), &offer("recvonly")).refused();
}

fn inactive_offers_are_refused(target: &Target) {
    target.post(target.whip(), &offer("inactive")).refused();
}

fn two_of_a_kind_are_refused_whole(target: &Target) {
    let twice = offer("sendonly").replace("m=video", "m=audio").replace("96 VP8/90000", "96 opus/48000/2");
    let refused = target.post(target.whip(), &twice);
    assert!([400, 422].contains(&refused.status), "{}", refused.status);
}

fn sections_without_bundle_are_refused(target: &Target) {
    target.post(target.whip(), &offer("sendonly").replace("a=group:BUNDLE 0 1\r\n", "")).refused();
}

fn unknown_codecs_are_refused_whole(target: &Target) {
    let refused = target.post(target.whip(), &offer("sendonly").replace("VP8/90000", "X-NONE/90000"));
    assert!([400, 422].contains(&refused.status), "{}", refused.status);
}

fn refused_offers_begin_nothing(target: &Target) {
    target.post(target.whip(), &offer("recvonly")).refused();
    target.post(target.whip(), &offer("sendonly")).is(201);
}

fn very_long_offers_are_refused(target: &Target) {
    let long = offer("sendonly") + &"a=x:0123456789\r\n".repeat(100_000);
    target.post(target.whip(), &long).refused();
}

fn another_media_type_is_415(target: &Target) {
    let refused = typed(target, "text/plain").is(415);
    assert_eq!(refused.told("accept-post"), "application/sdp");
    assert_eq!(refused.media_type(), "application/problem+json");
}

fn very_long_offers_are_413(target: &Target) {
    target.post(target.whip(), &(offer("sendonly") + &"a=x:0123456789\r\n".repeat(5_000))).is(413);
}

fn what_cannot_be_served_is_422(target: &Target) {
    let refused = target.post(target.whip(), &offer("recvonly")).is(422);
    assert!(
        refused.body.contains("stream.sdp.unsupported") && refused.body.contains("line 6"),
        "{}",
        refused.body
    );
}

fn simulcast_is_answered_without(target: &Target) {
    let layers = offer("sendonly") + "a=rid:q send\r\na=rid:f send\r\na=simulcast:send q;f\r\n";
    let begun = target.begin(target.whip(), &layers);
    assert!(begun.answer.lines("a=simulcast").is_empty() && begun.answer.lines("a=rid").is_empty());
}
