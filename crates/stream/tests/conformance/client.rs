//! Who asks.

use std::cell::RefCell;

use ureq::Agent;
use ureq::http::{Method, Request, Response};

/// What is asked.
#[derive(Default)]
pub(crate) struct Target {
    pub(crate) whip: Option<String>,
    /// Where something is live.
    pub(crate) whep: Option<String>,
    pub(crate) token: Option<String>,
    /// Of our own server: a WHEP endpoint where nothing is live.
    pub(crate) idle: Option<String>,
    /// Sessions that a case began, to be ended after it.
    pub(crate) begun: RefCell<Vec<String>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
    url: String,
}

/// A session that was begun.
pub(crate) struct Begun {
    pub(crate) url: String,
    pub(crate) tag: String,
    pub(crate) answer: Answer,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The header, which must be there.
    pub(crate) fn told(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("{} has no header {name}", self.status))
    }

    pub(crate) fn media_type(&self) -> &str {
        self.told("content-type").split(';').next().unwrap_or_default().trim()
    }

    /// `Location`, which may be relative to what was asked (RFC 9110 section 10.2.2).
    pub(crate) fn location(&self) -> String {
        let place = self.told("location");
        if place.contains("://") {
            return place.to_owned();
        }
        let host = self.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        if place.starts_with('/') {
            return host + place;
        }
        let (folder, _) = self.url.rsplit_once('/').unwrap();
        format!("{folder}/{place}")
    }

    /// Lines of the body that begin so.
    pub(crate) fn lines(&self, start: &str) -> Vec<&str> {
        self.body.lines().filter(|line| line.starts_with(start)).collect()
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// A status of the 400s.
    #[track_caller]
    pub(crate) fn refused(self) -> Self {
        assert!((400..500).contains(&self.status), "{} instead of 4xx", self.status);
        self
    }
}

impl Target {
    pub(crate) fn whip(&self) -> &str {
        self.whip.as_deref().unwrap()
    }

    pub(crate) fn whep(&self) -> &str {
        self.whep.as_deref().unwrap()
    }

    /// Asks with the token.
    pub(crate) fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut all = headers.to_vec();
        if let Some(bearer) = &bearer {
            all.push(("authorization", bearer));
        }
        ask_plainly(method, url, &all, body)
    }

    pub(crate) fn post(&self, url: &str, offer: &str) -> Answer {
        let answer = self.ask("POST", url, &[("content-type", "application/sdp")], offer);
        if matches!(answer.status, 201 | 406) && answer.header("location").is_some() {
            self.begun.borrow_mut().push(answer.location());
        }
        answer
    }

    /// Begins a session.
    #[track_caller]
    pub(crate) fn begin(&self, url: &str, offer: &str) -> Begun {
        let answer = self.post(url, offer).is(201);
        Begun { url: answer.location(), tag: answer.told("etag").to_owned(), answer }
    }

    pub(crate) fn patch(&self, url: &str, tag: Option<&str>, fragment: &str) -> Answer {
        let mut headers = vec![("content-type", "application/trickle-ice-sdpfrag")];
        headers.extend(tag.map(|tag| ("if-match", tag)));
        self.ask("PATCH", url, &headers, fragment)
    }

    /// Ends what a case began.
    pub(crate) fn tidy(&self) {
        for url in self.begun.take() {
            self.ask("DELETE", &url, &[], "");
        }
    }
}

/// Asks without a token.
pub(crate) fn ask_plainly(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let config = Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true);
    let agent: Agent = config.max_redirects(0).build().into();
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answered = if body.is_empty() {
        agent.run(request.body(()).unwrap())
    } else {
        agent.run(request.body(body.to_owned()).unwrap())
    };
    read(url, answered.expect("an answer"))
}

fn read(url: &str, mut response: Response<ureq::Body>) -> Answer {
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = response.body_mut().read_to_string().unwrap_or_default();
    Answer { status: response.status().as_u16(), headers, body, url: url.to_owned() }
}
