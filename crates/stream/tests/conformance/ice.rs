//! Candidates, and ICE that begins anew.

use crate::case::cases;
use crate::client::{Answer, Target, ask_plainly};
use crate::offers::offer;

cases! { "RFC 9725";
    Whip candidates_are_heard "4.3.2": "adds new ICE candidates …: MUST return a \"204 No Content\" response without a body";
    Whip candidates_bring_no_etag "4.3.2": "and MUST NOT include an ETag header in the response";
    Whip the_end_of_candidates_is_heard "4.3.2": "MUST follow the guidelines of RFC 8840: a=end-of-candidates (RFC 8838 8.2)";
    Whip unknown_candidates_are_left_out "4.3.2": "MUST silently discard the candidate and continue processing the rest of the request normally";
    Whip another_etag_is_412 "4.3.1": "a \"412 Precondition Failed\" response for a non-matching entity tag";
    Whip no_etag_is_428 "4.3.1": "a \"428 Precondition Required\" response for a missing entity tag";
    Whip another_type_of_fragment_is_refused "4.3.1": "a content type different than \"application/trickle-ice-sdpfrag\" …: MUST reject … with an appropriate 4XX";
    Whip malformed_fragments_are_refused "4.3.1": "or the SDP fragment is malformed: MUST reject the HTTP PATCH with an appropriate 4XX";
    Whip ice_begins_anew "4.3.3": "SHALL return a \"200 OK\" with an \"application/trickle-ice-sdpfrag\" body";
    Whip the_new_side_is_told "4.3.3": "containing the new ICE username fragment and password and a new set of ICE candidates";
    Whip the_new_side_has_the_same_options "4.3.3": "MUST … include the same 'ice-options,' 'ice-pacing,' and 'ice-lite' attributes as … the SDP offer or answer";
    Whip a_restart_brings_a_new_etag "4.3.3": "MUST contain the new entity-tag corresponding to the new ICE session in an ETag response header field";
    Whip the_old_etag_is_412_then "4.3.1": "a \"412 Precondition Failed\" response for a non-matching entity tag";
    Whip the_new_etag_holds_then "4.3.3": "the new entity-tag corresponding to the new ICE session: its candidates are heard";
    Whip a_failed_restart_ends_nothing "4.3.3": "MUST NOT terminate the session immediately and keep the existing ICE session";
    Whip the_same_credentials_restart_nothing "4.3.3": "an updated \"ice-pwd\" and \"ice-ufrag\" … performing an ICE restart: the same are none";
    Whip strangers_tell_no_candidates "4.7.1": "in all HTTP requests sent to either the WHIP endpoint or session";
    Whip a_session_that_is_none_takes_nothing "3": "the WHIP resource allocated by the WHIP endpoint for a specific media session";
}

const SAME: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n";
const OTHER: &str = "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n";
const SECTION: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n";
const CANDIDATE: &str =
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n";

fn trickle() -> String {
    format!("{SAME}{SECTION}{CANDIDATE}")
}

fn restart() -> String {
    format!("{OTHER}{SECTION}{CANDIDATE}")
}

fn begun(target: &Target) -> (String, String) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    (begun.url, begun.tag)
}

fn patched(target: &Target, fragment: &str) -> Answer {
    let (url, tag) = begun(target);
    target.patch(&url, Some(&tag), fragment)
}

fn candidates_are_heard(target: &Target) {
    assert!(patched(target, &trickle()).is(204).body.is_empty());
}

fn candidates_bring_no_etag(target: &Target) {
    assert_eq!(patched(target, &trickle()).is(204).header("etag"), None);
}

fn the_end_of_candidates_is_heard(target: &Target) {
    patched(target, &format!("{}a=end-of-candidates\r\n", trickle())).is(204);
}

fn unknown_candidates_are_left_out(target: &Target) {
    let odd = "a=candidate:2 1 dccp 1518280447 192.0.2.1 9 typ host\r\n\
        a=candidate:3 1 udp 1518280447 d2ab6f6e-0000-4000-8000-000000000000.local 9 typ host\r\n";
    patched(target, &format!("{}{odd}", trickle())).is(204);
}

fn another_etag_is_412(target: &Target) {
    let (url, _) = begun(target);
    for tag in ["\"another\"", "\"v999\""] {
        target.patch(&url, Some(tag), &trickle()).is(412);
    }
}

fn no_etag_is_428(target: &Target) {
    let (url, _) = begun(target);
    target.patch(&url, None, &trickle()).is(428);
}

fn another_type_of_fragment_is_refused(target: &Target) {
    let (url, tag) = begun(target);
    for kind in ["application/sdp", "text/plain"] {
        target.ask("PATCH", &url, &[("content-type", kind), ("if-match", &tag)], &trickle()).refused();
    }
}

fn malformed_fragments_are_refused(target: &Target) {
    let (url, tag) = begun(target);
    for text in ["nonsense", "v=0\r\n", "a=candidate:1 1 udp\r\n", "a=ice-ufrag:x\r\na=ice-pwd:y\r\n"] {
        target.patch(&url, Some(&tag), text).refused();
    }
}

fn ice_begins_anew(target: &Target) {
    let (url, _) = begun(target);
    let answer = target.patch(&url, Some("*"), &restart()).is(200);
    assert_eq!(answer.media_type(), "application/trickle-ice-sdpfrag");
}

fn the_new_side_is_told(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let answer = target.patch(&begun.url, Some("*"), &restart()).is(200);
    for name in ["a=ice-ufrag:", "a=ice-pwd:"] {
        let (old, new) = (begun.answer.lines(name)[0], answer.lines(name)[0]);
        assert_ne!(old, new);
    }
    assert!(!answer.lines("a=candidate:").is_empty());
}

fn the_new_side_has_the_same_options(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let answer = target.patch(&begun.url, Some("*"), &restart()).is(200);
    for name in ["a=ice-options:", "a=ice-pacing:", "a=ice-lite"] {
        let (mut first, mut now) = (begun.answer.lines(name), answer.lines(name));
        first.dedup();
        now.dedup();
        assert_eq!(first, now);
    }
}

fn a_restart_brings_a_new_etag(target: &Target) {
    let (url, tag) = begun(target);
    assert_ne!(target.patch(&url, Some("*"), &restart()).is(200).told("etag"), tag);
}

fn the_old_etag_is_412_then(target: &Target) {
    let (url, tag) = begun(target);
    target.patch(&url, Some("*"), &restart()).is(200);
    target.patch(&url, Some(&tag), &trickle()).is(412);
}

fn the_new_etag_holds_then(target: &Target) {
    let (url, _) = begun(target);
    let answer = target.patch(&url, Some("*"), &restart()).is(200);
    target.patch(&url, Some(answer.told("etag")), &restart()).is(204);
}

fn a_failed_restart_ends_nothing(target: &Target) {
    let (url, tag) = begun(target);
    target.patch(&url, Some("*"), "a=ice-ufrag:x\r\na=ice-pwd:y\r\n").refused();
    target.patch(&url, Some(&tag), &trickle()).is(204);
}

fn the_same_credentials_restart_nothing(target: &Target) {
    let (url, tag) = begun(target);
    target.patch(&url, Some("*"), &trickle()).is(204);
    target.patch(&url, Some(&tag), &trickle()).is(204);
}

fn strangers_tell_no_candidates(target: &Target) {
    let (url, tag) = begun(target);
    let headers = [("content-type", "application/trickle-ice-sdpfrag"), ("if-match", tag.as_str())];
    let refused = ask_plainly("PATCH", &url, &headers, &trickle());
    assert!(target.token.is_none() || refused.status == 401, "{}", refused.status);
}

fn a_session_that_is_none_takes_nothing(target: &Target) {
    let (url, tag) = begun(target);
    target.patch(&format!("{url}x"), Some(&tag), &trickle()).refused();
}
