//! How to speak to a service.

use std::path::PathBuf;
use std::time::Duration;

use veza_core::config::Secret;

use super::tier::CLASSES;
use crate::Error;
use crate::backend::names::{is_prefix, is_word};

/// Bytes of a mebibyte.
const MIB: usize = 1024 * 1024;

/// A bucket, and how to speak to its service.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// The URL of the service; none means Amazon's own in `region`.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket. It must be there.
    pub bucket: String,
    /// What the keys of blobs begin with: empty, or words that end with `/`, of `a-z A-Z 0-9 - _ . /`.
    pub prefix: String,
    /// The name of the key that signs requests.
    pub access_key_id: String,
    /// The key that signs requests.
    pub secret_access_key: Secret,
    /// What a temporary key is sent with.
    pub session_token: Option<Secret>,
    /// The bucket is in the path of URLs, not in the name of their host. Most services but Amazon's want this.
    pub path_style: bool,
    /// Checksums are sent with every request. None means: to Amazon's own service alone.
    pub checksums: Option<bool>,
    /// The service refuses to replace an object. None means: it is tried out with an object `probe-…`, which
    /// is removed again.
    pub exclusive_put: Option<bool>,
    /// Bytes of the parts of a large put, of which all but the last have as many, as Cloudflare's R2 wants it. A put
    /// needs twice as much memory, and may have 10,000 parts. Services take no parts below 5 MiB.
    pub part_size: usize,
    /// The most bytes that are copied in one request.
    pub max_copy: u64,
    /// The storage class of the cold tier, one whose objects are read at once: `STANDARD_IA`, `ONEZONE_IA`,
    /// `INTELLIGENT_TIERING` or `GLACIER_IR`. Without one there is no cold tier.
    pub cold_class: Option<String>,
    /// Certificates that are trusted instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// How often a request is tried.
    pub attempts: u32,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long one attempt may take, but for the body of an answer.
    pub attempt_timeout: Duration,
    /// How long all attempts of a request may take.
    pub timeout: Duration,
    /// How long the service may take to complete an upload or to copy.
    pub slow_timeout: Duration,
}

impl S3Config {
    /// The usual settings: Amazon's S3.
    pub fn new(
        region: impl Into<String>,
        bucket: impl Into<String>,
        access_key_id: impl Into<String>,
        secret_access_key: Secret,
    ) -> Self {
        Self {
            endpoint: None,
            region: region.into(),
            bucket: bucket.into(),
            prefix: String::new(),
            access_key_id: access_key_id.into(),
            secret_access_key,
            session_token: None,
            path_style: false,
            checksums: None,
            exclusive_put: None,
            part_size: 8 * MIB,
            max_copy: 5 * 1024 * 1024 * 1024,
            cold_class: None,
            ca_file: None,
            attempts: 4,
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_mins(1),
            timeout: Duration::from_mins(3),
            slow_timeout: Duration::from_mins(15),
        }
    }

    /// Requests are made to the URL of a service, with the bucket in the path.
    #[must_use]
    pub fn with_endpoint(self, endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), path_style: true, ..self }
    }

    /// Whether bodies travel unencrypted, so that they must be signed.
    pub(super) fn is_plain(&self) -> bool {
        self.endpoint.as_deref().is_some_and(|url| url.starts_with("http://"))
    }

    /// Whether checksums are sent.
    pub(super) fn sends_checksums(&self) -> bool {
        self.checksums.unwrap_or_else(|| self.endpoint.as_deref().is_none_or(is_amazon))
    }

    /// What cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let endpoint = self.endpoint.as_deref().unwrap_or("https://");
        let part = u64::try_from(self.part_size).unwrap_or(u64::MAX);
        let class = self.cold_class.as_deref().is_none_or(|class| CLASSES.contains(&class));
        let rules = [
            (class, "the cold class is STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING or GLACIER_IR"),
            (is_word(&self.region), "the region is a word"),
            (is_word(&self.bucket), "the bucket is a word of a-z, A-Z, 0-9, '-', '_' and '.'"),
            (is_prefix(&self.prefix), "the prefix is empty, or words with '/' behind each"),
            (endpoint.starts_with("http://") || endpoint.starts_with("https://"), "the endpoint is a URL"),
            (part > 0, "part_size is at least one byte"),
            (part <= 5 << 30, "part_size is at most 5 GiB"),
            (self.attempts > 0, "there is at least one attempt"),
            (self.max_copy > 0, "max_copy is at least one byte"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(Error::Setup(format!("S3: {rule}"))),
            None => Ok(()),
        }
    }
}

fn is_amazon(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> S3Config {
        S3Config::new("eu-central-1", "bucket", "id", Secret::new("hush"))
    }

    #[test]
    fn only_amazon_gets_checksums() {
        assert!(usual().sends_checksums());
        assert!(usual().with_endpoint("https://s3.eu-central-1.amazonaws.com").sends_checksums());
        assert!(!usual().with_endpoint("https://x.r2.cloudflarestorage.com").sends_checksums());
        assert!(!usual().with_endpoint("https://evil.example/.amazonaws.com").sends_checksums());
        assert!(!S3Config { checksums: Some(false), ..usual() }.sends_checksums());
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        usual().check().unwrap();
        S3Config { prefix: "veza/blobs/".to_owned(), ..usual() }.check().unwrap();
        let wrong = [
            S3Config { region: String::new(), ..usual() },
            S3Config { bucket: "a/b".to_owned(), ..usual() },
            S3Config { prefix: "veza".to_owned(), ..usual() },
            S3Config { prefix: "../".to_owned(), ..usual() },
            S3Config { prefix: "/".to_owned(), ..usual() },
            S3Config { prefix: "a b/".to_owned(), ..usual() },
            S3Config { part_size: 0, ..usual() },
            S3Config { attempts: 0, ..usual() },
            S3Config { cold_class: Some("GLACIER".to_owned()), ..usual() },
            usual().with_endpoint("localhost:9000"),
        ];
        for config in wrong {
            assert!(matches!(config.check(), Err(Error::Setup(_))), "{config:?}");
        }
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert!(!format!("{:?}", usual()).contains("hush"));
    }
}
