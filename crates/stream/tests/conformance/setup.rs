//! Beginning and ending.

use crate::case::cases;
use crate::client::{Target, ask_plainly};
use crate::offers::offer;

cases! { "RFC 9725";
    Whip an_offer_is_answered_with_201 "4.2": "MUST generate an SDP answer … and return a \"201 Created\" response";
    Whip the_answer_is_sdp "4.2": "with a content type of \"application/sdp\", the SDP answer as the body";
    Whip the_session_has_a_location "4.2": "and a Location header field pointing to the newly created WHIP session";
    Whip the_first_etag_is_told "4.3.1": "The initial value of the entity-tag … MUST be returned in an ETag header field in the \"201 Created\" response";
    Whip the_etag_is_strong "4.3.1": "MUST generate a unique strong entity-tag identifying the ICE session";
    Whip the_answer_receives "4.2": "The WHIP endpoint MUST use \"recvonly\" attribute in the SDP answer";
    Whip the_answer_is_one_bundle "4.4.1": "SHALL support RFC 9143 and use \"max-bundle\" policy";
    Whip the_answer_muxes_rtcp "4.4.1": "SHALL use RTP/RTCP multiplexing for all bundled media";
    Whip the_answer_muxes_nothing_else "4.4.1": "MUST include the \"rtcp-mux-only\" attribute in each bundled \"m=\" sections";
    Whip the_answer_has_all_candidates "4.3.2": "the SDP answer SHALL contain the full list of ICE candidates of the media server";
    Whip the_answer_keeps_numbers "4.2": "by the JSEP rules for an initial answer: payload types and mids are the offerer's (RFC 3264 6.1, RFC 9429 5.3.1)";
    Whip the_answer_has_the_sections "4.2": "by the JSEP rules for an initial answer: as many m= sections, in their order (RFC 3264 6)";
    Whip the_answer_chooses_who_begins "4.4.4": "an answer to actpass is active or passive (RFC 8842 5.3)";
    Whip the_answer_has_a_fingerprint "4.2": "by the JSEP rules for an initial answer: a fingerprint is there (RFC 8842 5.3)";
    Whip sections_that_send_and_receive_are_taken "4.2": "the WHIP client … MAY use the \"sendrecv\" attribute instead";
    Whip sound_alone_is_taken "4.4.2": "The MediaStream MUST contain at least one MediaStreamTrack of any media kind";
    Whip urls_of_sessions_cannot_be_guessed "5": "SHOULD generate URLs with enough randomness: 128 bits, as a UUID of version 4 has nearly";
    Whip every_session_has_its_url "3": "the WHIP resource allocated by the WHIP endpoint for a specific media session";
    Whip a_session_ends_by_delete "4.2": "Upon receiving the HTTP DELETE request, the WHIP session will be removed";
    Whip an_ended_session_is_gone "4.2": "and the resources freed on the media server";
    Whip delete_ignores_etags "4.3.1": "MUST ignore any entity-tag value … when ICE session matching is not required, as in the HTTP DELETE request";
    Whip strangers_publish_nothing "4.7": "bearer token authentication … MUST be supported by all WHIP entities";
    Whip strangers_end_nothing "4.7.1": "in all HTTP requests sent to either the WHIP endpoint or session";
}

fn an_offer_is_answered_with_201(target: &Target) {
    target.post(target.whip(), &offer("sendonly")).is(201);
}

fn the_answer_is_sdp(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    assert_eq!(begun.answer.media_type(), "application/sdp");
    assert!(begun.answer.body.starts_with("v=0\r\n"), "{}", begun.answer.body);
}

fn the_session_has_a_location(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    assert!(begun.url.contains("://") && begun.url != target.whip());
}

fn the_first_etag_is_told(target: &Target) {
    assert!(!target.begin(target.whip(), &offer("sendonly")).tag.is_empty());
}

fn the_etag_is_strong(target: &Target) {
    let tag = target.begin(target.whip(), &offer("sendonly")).tag;
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
}

fn the_answer_receives(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    assert_eq!(begun.answer.lines("a=recvonly").len(), 2);
    assert!(begun.answer.lines("a=send").is_empty());
}

fn the_answer_is_one_bundle(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    assert_eq!(begun.answer.lines("a=group:BUNDLE"), ["a=group:BUNDLE 0 1"]);
}

fn the_answer_muxes_rtcp(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let lines = begun.answer.lines("a=rtcp-mux");
    assert_eq!(lines.iter().filter(|line| **line == "a=rtcp-mux").count(), 2);
}

fn the_answer_muxes_nothing_else(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    assert_eq!(begun.answer.lines("a=rtcp-mux-only").len(), 2);
}

fn the_answer_has_all_candidates(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    assert!(!begun.answer.lines("a=candidate:").is_empty());
}

fn the_answer_keeps_numbers(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    assert_eq!(begun.answer.lines("a=mid:"), ["a=mid:0", "a=mid:1"]);
    assert_eq!(begun.answer.lines("a=rtpmap:111 "), ["a=rtpmap:111 opus/48000/2"]);
    assert_eq!(begun.answer.lines("a=rtpmap:96 "), ["a=rtpmap:96 VP8/90000"]);
}

fn the_answer_has_the_sections(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let sections = begun.answer.lines("m=");
    assert!(sections.len() == 2 && sections[0].starts_with("m=audio") && sections[1].starts_with("m=video"));
}

fn the_answer_chooses_who_begins(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let setup = begun.answer.lines("a=setup:");
    assert!(
        !setup.is_empty() && setup.iter().all(|line| ["a=setup:passive", "a=setup:active"].contains(line))
    );
}

fn the_answer_has_a_fingerprint(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    assert!(!begun.answer.lines("a=fingerprint:").is_empty());
}

fn sections_that_send_and_receive_are_taken(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendrecv"));
    assert_eq!(begun.answer.lines("a=recvonly").len(), 2);
}

fn sound_alone_is_taken(target: &Target) {
    let offer = offer("sendonly").replace("BUNDLE 0 1", "BUNDLE 0");
    let (audio, _) = offer.split_once("m=video").unwrap();
    target.post(target.whip(), audio).is(201);
}

fn urls_of_sessions_cannot_be_guessed(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let (_, end) = begun.url.rsplit_once('/').unwrap();
    // 22 characters of base64 are 128 bits; of hexadecimal it takes 32.
    assert!(end.len() >= 22, "{end}");
}

fn every_session_has_its_url(target: &Target) {
    let first = target.begin(target.whip(), &offer("sendonly")).url;
    target.tidy();
    assert_ne!(target.begin(target.whip(), &offer("sendonly")).url, first);
}

fn a_session_ends_by_delete(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let ended = target.ask("DELETE", &begun.url, &[], "");
    assert!((200..300).contains(&ended.status), "{}", ended.status);
}

fn an_ended_session_is_gone(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    target.ask("DELETE", &begun.url, &[], "");
    target.ask("DELETE", &begun.url, &[], "").refused();
    target.patch(&begun.url, Some(&begun.tag), "a=end-of-candidates\r\n").refused();
    target.post(target.whip(), &offer("sendonly")).is(201);
}

fn delete_ignores_etags(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let ended = target.ask("DELETE", &begun.url, &[("if-match", "\"another\"")], "");
    assert!((200..300).contains(&ended.status), "{}", ended.status);
}

fn strangers_publish_nothing(target: &Target) {
    let sdp = [("content-type", "application/sdp")];
    let refused = ask_plainly("POST", target.whip(), &sdp, &offer("sendonly"));
    assert!(target.token.is_none() || refused.status == 401, "{}", refused.status);
}

fn strangers_end_nothing(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let refused = ask_plainly("DELETE", &begun.url, &[], "");
    assert!(target.token.is_none() || refused.status == 401, "{}", refused.status);
    let ended = target.ask("DELETE", &begun.url, &[], "");
    assert!((200..300).contains(&ended.status), "it went on");
}
