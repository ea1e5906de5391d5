//! Methods, and pages of other origins.

use crate::case::cases;
use crate::client::{Target, ask_plainly};
use crate::offers::offer;

cases! { "RFC 9725";
    Whip an_endpoint_answers_get_with_nothing "4.1": "MUST return a 2XX … response with no content when a GET request is received";
    Whip a_session_answers_get_with_nothing "4.1": "the WHIP endpoints and sessions MUST return a 2XX … response with no content";
    Whip head_is_like_get "4.1": "HEAD is GET without content (RFC 9110 9.3.2)";
    Whip options_are_answered "4.2": "The WHIP endpoints MUST support OPTIONS requests for Cross-Origin Resource Sharing (CORS)";
    Whip options_need_no_token "4.7.1": "except the preflight OPTIONS requests for CORS";
    Whip options_tell_what_is_posted "4.2": "SHOULD include an \"Accept-Post\" header with a media type value of \"application/sdp\"";
    Whip a_session_answers_options "4.3.1": "PATCH and DELETE of pages need a preflight at sessions (Fetch 4.8)";
    Whip preflights_allow_what_is_needed "4.2": "for Cross-Origin Resource Sharing: methods and headers of the protocol are allowed (Fetch 4.8)";
    Whip pages_read_the_answer "4.2": "for Cross-Origin Resource Sharing: Location, ETag and Link can be read (Fetch 3.3.5)";
    Own  other_methods_are_405 "4.1": "origin servers: other methods are 405 with Allow (RFC 9110 15.5.6)";
    Own  a_session_takes_no_post "4.1": "origin servers: other methods are 405 with Allow (RFC 9110 15.5.6)";
    Own  problems_are_read_by_pages "4.1": "finer-grained error information by a problem statement, which pages can read as well";
}

const PREFLIGHT: [(&str, &str); 3] = [
    ("origin", "https://player.example"),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization,content-type"),
];

#[track_caller]
fn is_empty(target: &Target, method: &str, url: &str) {
    let answer = target.ask(method, url, &[], "");
    assert!(
        (200..300).contains(&answer.status) && answer.body.is_empty(),
        "{} {}",
        answer.status,
        answer.body
    );
}

fn an_endpoint_answers_get_with_nothing(target: &Target) {
    is_empty(target, "GET", target.whip());
}

fn a_session_answers_get_with_nothing(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    is_empty(target, "GET", &begun.url);
}

fn head_is_like_get(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    is_empty(target, "HEAD", target.whip());
    is_empty(target, "HEAD", &begun.url);
}

fn options_are_answered(target: &Target) {
    let answer = ask_plainly("OPTIONS", target.whip(), &PREFLIGHT, "");
    assert!((200..300).contains(&answer.status), "{}", answer.status);
    assert!(["*", "https://player.example"].contains(&answer.told("access-control-allow-origin")));
}

fn options_need_no_token(target: &Target) {
    let answer = ask_plainly("OPTIONS", target.whip(), &[], "");
    assert!((200..300).contains(&answer.status), "{}", answer.status);
}

fn options_tell_what_is_posted(target: &Target) {
    let answer = ask_plainly("OPTIONS", target.whip(), &[], "");
    assert!(answer.told("accept-post").contains("application/sdp"));
}

fn a_session_answers_options(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let answer = ask_plainly("OPTIONS", &begun.url, &PREFLIGHT, "");
    assert!((200..300).contains(&answer.status), "{}", answer.status);
}

fn preflights_allow_what_is_needed(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    for (url, methods) in [(target.whip(), &["POST"][..]), (&begun.url, &["PATCH", "DELETE"])] {
        let answer = ask_plainly("OPTIONS", url, &PREFLIGHT, "");
        let allowed = answer.told("access-control-allow-methods").to_uppercase();
        assert!(allowed == "*" || methods.iter().all(|method| allowed.contains(method)), "{allowed}");
        let headers = answer.told("access-control-allow-headers").to_lowercase();
        assert!(["authorization", "content-type"].iter().all(|name| headers.contains(name)), "{headers}");
    }
}

fn pages_read_the_answer(target: &Target) {
    let headers = [("content-type", "application/sdp"), ("origin", "https://player.example")];
    let answer = target.ask("POST", target.whip(), &headers, &offer("sendonly")).is(201);
    target.begun.borrow_mut().push(answer.location());
    assert!(["*", "https://player.example"].contains(&answer.told("access-control-allow-origin")));
    let exposed = answer.told("access-control-expose-headers").to_lowercase();
    assert!(["location", "etag", "link"].iter().all(|name| exposed.contains(name)), "{exposed}");
}

fn other_methods_are_405(target: &Target) {
    for method in ["PUT", "PATCH", "DELETE"] {
        let refused = target.ask(method, target.whip(), &[], "").is(405);
        assert_eq!(refused.told("allow"), "GET, HEAD, POST, OPTIONS");
    }
}

fn a_session_takes_no_post(target: &Target) {
    let begun = target.begin(target.whip(), &offer("sendonly"));
    let refused =
        target.ask("POST", &begun.url, &[("content-type", "application/sdp")], &offer("sendonly")).is(405);
    assert_eq!(refused.told("allow"), "GET, HEAD, PATCH, DELETE, OPTIONS");
}

fn problems_are_read_by_pages(target: &Target) {
    let refused = target.post(target.whip(), "nonsense").is(400);
    assert_eq!(refused.told("access-control-allow-origin"), "*");
    assert!(
        refused.body.contains("stream.sdp.malformed") && refused.body.contains("line 1"),
        "{}",
        refused.body
    );
}
