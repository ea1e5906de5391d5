//! What a bucket lets pages of other origins do.

use serde::{Deserialize, Serialize};

use crate::input::is_token;

/// Which pages of other origins a browser lets read and write objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct CorsRule {
    /// Origins such as `https://app.example`, or `*`.
    pub origins: Vec<String>,
    /// Methods of `GET`, `HEAD`, `PUT`, `POST`, `PATCH`, `DELETE`; `GET` and `HEAD` when absent.
    #[serde(default = "reading")]
    pub methods: Vec<String>,
    /// Headers that pages may send, in any case; `*` is all. The usual ones of reads and uploads when absent.
    #[serde(default = "usual")]
    pub headers: Vec<String>,
    /// For how long a browser may remember the answer, in seconds, 0 to 86400.
    #[serde(default)]
    pub max_age_seconds: u32,
}

fn reading() -> Vec<String> {
    vec!["GET".to_owned(), "HEAD".to_owned()]
}

fn usual() -> Vec<String> {
    let names = [
        "authorization",
        "cache-control",
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-md5",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "range",
        "repr-digest",
        "x-request-id",
        "x-tenant-id",
        "x-veza-tags",
    ];
    names.map(str::to_owned).to_vec()
}

impl CorsRule {
    /// Whether it says what can be.
    pub(super) fn holds(&self) -> bool {
        const METHODS: [&str; 6] = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"];
        let origin = |origin: &String| {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            origin == "*"
                || host.is_some_and(|host| {
                    !host.is_empty() && !host.contains(['/', ' ', ',', '"']) && host.is_ascii()
                })
        };
        (1..=100).contains(&self.origins.len())
            && self.origins.iter().all(origin)
            && self.methods.iter().all(|method| METHODS.contains(&method.as_str()))
            && self.headers.len() <= 100
            && self.headers.iter().all(|name| is_token(name))
            && self.max_age_seconds <= 86_400
    }
}
