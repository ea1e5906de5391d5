//! Watching.

use crate::case::cases;
use crate::client::{Target, ask_plainly};
use crate::offers::offer;

cases! { "draft-ietf-wish-whep-03";
    Whep a_viewer_is_answered_with_201 "4.3.1": "return a \"201 Created\" response with a content type of \"application/sdp\" … and a Location header field";
    Whep the_answer_sends "4.3.5": "When a WHEP endpoint sends an SDP answer …, it MUST use \"sendonly\" attribute in the SDP answer";
    Whep viewers_have_an_etag "4.5.1": "The initial value of the entity-tag … MUST be returned in an ETag header field";
    Whep the_answer_has_one_stream "4.6.2": "all \"m=\" sections MUST contain an \"msid\" attribute with the same value";
    Whep the_answer_names_sources "4.3.1": "by the JSEP rules for an initial answer: sources are told (RFC 5576)";
    Whep offers_to_send_are_refused "4.3.5": "The \"inactive\" and \"sendonly\" attributes MUST NOT be used";
    Whep inactive_viewers_are_refused "4.3.5": "The \"inactive\" and \"sendonly\" attributes MUST NOT be used";
    Whep viewers_may_offer_to_send_as_well "4.3.5": "MAY use the \"sendrecv\" attribute instead";
    Whep viewers_send_sdp "4.3.4": "a content type different than \"application/sdp\" or the SDP is malformed: MUST reject … with an appropriate 4xx";
    Whep viewers_leave_by_delete "4.4": "Upon receiving the HTTP DELETE request, the WHEP session will be removed";
    Whep viewers_tell_candidates "4.5.2": "MUST return a \"204 No Content\" response without a body and MUST NOT include an ETag header";
    Whep viewers_begin_ice_anew "4.5.3": "SHALL return a \"200 OK\" with an \"application/trickle-ice-sdpfrag\" body";
    Whep a_whep_endpoint_answers_get "4.1": "MUST return a 2xx successful response with no content when a GET request is received";
    Whep a_whep_endpoint_is_found_by_head "4.2": "SHOULD respond with a \"200 OK\" status code and include a Content-Type header field with … application/sdp";
    Whep head_and_get_say_the_same "4.2": "The HEAD response MUST include the same headers that would be returned in response to a GET request";
    Whep a_whep_endpoint_answers_options "4.4": "The WHEP endpoints MUST support OPTIONS requests for … CORS; SHOULD include an \"Accept-Post\" header";
    Whep many_watch "3.1": "the WHEP resource allocated by the WHEP endpoint for a specific media session";
    Whep strangers_watch_nothing "4.9": "bearer token authentication … MUST be supported by all WHEP entities";
    Own  nothing_live_is_409 "4.3.8": "SHALL return a \"409 Conflict\" response … with a \"Retry-After\" header indicating the number of seconds";
    Own  what_cannot_be_played_is_406 "4.3.2": "a \"406 Not Acceptable\" response with … the SDP counter-offer as the body, and a Location header field";
    Own  a_counter_offer_is_answered_by_patch "4.3.2": "PATCH … \"application/sdp\": The WHEP endpoint MUST return a \"204 No Content\" response";
    Own  a_counter_offer_is_answered_once "3": "no modifications … can be made after the initial SDP offer/answer exchange";
    Own  a_counter_offer_is_taken_back "4.4": "DELETE … the WHEP session will be removed, also one that was not answered";
    Own  wrong_answers_are_refused "4.3.2": "If the SDP is malformed, … MUST reject the HTTP PATCH request with an appropriate 4xx";
}

fn a_viewer_is_answered_with_201(target: &Target) {
    let begun = target.begin(target.whep(), &offer("recvonly"));
    assert_eq!(begun.answer.media_type(), "application/sdp");
    assert_ne!(begun.url, target.whep());
}

fn the_answer_sends(target: &Target) {
    let begun = target.begin(target.whep(), &offer("recvonly"));
    assert!(!begun.answer.lines("a=sendonly").is_empty());
    assert!(begun.answer.lines("a=recvonly").is_empty() && begun.answer.lines("a=sendrecv").is_empty());
}

fn viewers_have_an_etag(target: &Target) {
    let tag = target.begin(target.whep(), &offer("recvonly")).tag;
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
}

fn the_answer_has_one_stream(target: &Target) {
    let begun = target.begin(target.whep(), &offer("recvonly"));
    let stream = |line: &&str| line.split(' ').next().unwrap().to_owned();
    let mut streams: Vec<String> = begun.answer.lines("a=msid:").iter().map(stream).collect();
    assert_eq!(streams.len(), begun.answer.lines("a=sendonly").len());
    streams.dedup();
    assert_eq!(streams.len(), 1, "{streams:?}");
}

fn the_answer_names_sources(target: &Target) {
    let begun = target.begin(target.whep(), &offer("recvonly"));
    assert!(begun.answer.lines("a=ssrc:").len() >= begun.answer.lines("a=sendonly").len());
}

fn offers_to_send_are_refused(target: &Target) {
    target.post(target.whep(), &offer("sendonly")).refused();
}

fn inactive_viewers_are_refused(target: &Target) {
    target.post(target.whep(), &offer("inactive")).refused();
}

fn viewers_may_offer_to_send_as_well(target: &Target) {
    let begun = target.begin(target.whep(), &offer("sendrecv"));
    assert!(!begun.answer.lines("a=sendonly").is_empty());
}

fn viewers_send_sdp(target: &Target) {
    target.ask("POST", target.whep(), &[("content-type", "text/plain")], &offer("recvonly")).refused();
    target.post(target.whep(), "nonsense").refused();
}

fn viewers_leave_by_delete(target: &Target) {
    let begun = target.begin(target.whep(), &offer("recvonly"));
    let ended = target.ask("DELETE", &begun.url, &[("if-match", "\"another\"")], "");
    assert!((200..300).contains(&ended.status), "{}", ended.status);
    target.ask("DELETE", &begun.url, &[], "").refused();
}

const CANDIDATE: &str = "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\n";

fn viewers_tell_candidates(target: &Target) {
    let begun = target.begin(target.whep(), &offer("recvonly"));
    let fragment = format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n{CANDIDATE}");
    let heard = target.patch(&begun.url, Some(&begun.tag), &fragment).is(204);
    assert!(heard.body.is_empty() && heard.header("etag").is_none());
    target.patch(&begun.url, Some("\"another\""), &fragment).is(412);
    target.patch(&begun.url, None, &fragment).is(428);
}

fn viewers_begin_ice_anew(target: &Target) {
    let begun = target.begin(target.whep(), &offer("recvonly"));
    let fragment = "a=ice-options:trickle\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:ysXw\r\n\
        a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n";
    let answer = target.patch(&begun.url, Some("*"), fragment).is(200);
    assert_eq!(answer.media_type(), "application/trickle-ice-sdpfrag");
    assert_ne!(answer.told("etag"), begun.tag);
    assert!(!answer.lines("a=ice-ufrag:").is_empty() && !answer.lines("a=candidate:").is_empty());
}

fn a_whep_endpoint_answers_get(target: &Target) {
    let answer = target.ask("GET", target.whep(), &[], "");
    assert!((200..300).contains(&answer.status) && answer.body.is_empty(), "{}", answer.status);
}

fn a_whep_endpoint_is_found_by_head(target: &Target) {
    let answer = target.ask("HEAD", target.whep(), &[], "").is(200);
    assert_eq!((answer.media_type(), answer.body.as_str()), ("application/sdp", ""));
}

fn head_and_get_say_the_same(target: &Target) {
    let of =
        |method: &str| target.ask(method, target.whep(), &[], "").header("content-type").map(str::to_owned);
    assert_eq!(of("HEAD"), of("GET"));
}

fn a_whep_endpoint_answers_options(target: &Target) {
    let answer = ask_plainly("OPTIONS", target.whep(), &[("origin", "https://player.example")], "");
    assert!((200..300).contains(&answer.status), "{}", answer.status);
    assert!(answer.told("accept-post").contains("application/sdp"));
}

fn many_watch(target: &Target) {
    let mut urls: Vec<String> = (0..5).map(|_| target.begin(target.whep(), &offer("recvonly")).url).collect();
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 5);
}

fn strangers_watch_nothing(target: &Target) {
    let sdp = [("content-type", "application/sdp")];
    let refused = ask_plainly("POST", target.whep(), &sdp, &offer("recvonly"));
    assert!(target.token.is_none() || refused.status == 401, "{}", refused.status);
}

fn nothing_live_is_409(target: &Target) {
    let refused = target.post(target.idle.as_ref().unwrap(), &offer("recvonly")).is(409);
    assert!(refused.told("retry-after").parse::<u32>().unwrap() > 0);
}

/// An offer that what is live does not fit.
fn unfit() -> String {
    offer("recvonly").replace("VP8/90000", "H264/90000")
}

fn answer() -> String {
    offer("recvonly").replace("actpass", "active")
}

fn what_cannot_be_played_is_406(target: &Target) {
    let refused = target.post(target.whep(), &unfit()).is(406);
    assert_eq!(refused.media_type(), "application/sdp");
    assert!(refused.location().starts_with(target.whep()));
    assert_eq!((refused.lines("a=sendonly").len(), refused.lines("a=setup:actpass").len()), (2, 2));
}

fn sdp(target: &Target, url: &str, body: &str) -> crate::client::Answer {
    target.ask("PATCH", url, &[("content-type", "application/sdp")], body)
}

fn a_counter_offer_is_answered_by_patch(target: &Target) {
    let url = target.post(target.whep(), &unfit()).is(406).location();
    let begun = sdp(target, &url, &answer()).is(204);
    assert!(begun.body.is_empty());
    target.patch(&url, Some(begun.told("etag")), CANDIDATE).is(204);
}

fn a_counter_offer_is_answered_once(target: &Target) {
    let url = target.post(target.whep(), &unfit()).is(406).location();
    sdp(target, &url, &answer()).is(204);
    sdp(target, &url, &answer()).refused();
}

fn a_counter_offer_is_taken_back(target: &Target) {
    let url = target.post(target.whep(), &unfit()).is(406).location();
    target.ask("DELETE", &url, &[], "").is(200);
    sdp(target, &url, &answer()).is(404);
}

fn wrong_answers_are_refused(target: &Target) {
    let url = target.post(target.whep(), &unfit()).is(406).location();
    sdp(target, &url, "nonsense").is(400);
    sdp(target, &url, &offer("recvonly")).is(422);
    target.ask("PATCH", &url, &[("content-type", "text/plain")], &answer()).is(415);
    sdp(target, &url, &answer()).is(204);
}
