//! A request of Google's, made of S3.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Method, Request, Response, StatusCode};
use veza_core::{Clock, SystemClock};
use veza_storage::backend::s3::S3Config;

use crate::account::Account;
use crate::words::{back, plain, there};

/// What stands before the S3 server.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) account: Account,
    pub(crate) inner: S3Config,
    pub(crate) http: reqwest::Client,
}

/// Why there is no answer of the server's.
type Refused = StatusCode;

impl Door {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.pass(request).await.unwrap_or_else(|status| {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = status;
            answer
        })
    }

    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Refused> {
        let (parts, body) = request.into_parts();
        let token = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if !token.is_some_and(|token| self.account.lets_in(token)) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        let body = body.collect().await.map_err(|_broken| StatusCode::BAD_REQUEST)?.to_bytes();
        let path = plain(parts.uri.path()).ok_or(StatusCode::BAD_REQUEST)?;
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let url = format!("{}{path}{query}", self.inner.endpoint.as_deref().unwrap_or_default());
        // S3 says of an object that is absent that it was removed; Google says that it is absent.
        if parts.method == Method::DELETE && query.is_empty() {
            let found = self.send(&Method::HEAD, &url, Vec::new(), Bytes::new()).await?;
            if found.status() == StatusCode::NOT_FOUND {
                return Err(StatusCode::NOT_FOUND);
            }
        }
        let answer = self.send(&parts.method, &url, there(&parts.headers), body).await?;
        let mut passed = Response::builder().status(answer.status());
        for (name, value) in back(answer.headers()) {
            passed = passed.header(name, value);
        }
        let body = answer.bytes().await.map_err(|_broken| StatusCode::BAD_GATEWAY)?;
        passed.body(Full::new(body)).map_err(|_odd| StatusCode::BAD_GATEWAY)
    }

    async fn send(
        &self,
        method: &Method,
        url: &str,
        headers: Vec<(String, hyper::header::HeaderValue)>,
        body: Bytes,
    ) -> Result<reqwest::Response, Refused> {
        let mut request = self.http.request(method.clone(), url);
        for (name, value) in self.signature(method, url)? {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(body).send().await.map_err(|_away| StatusCode::BAD_GATEWAY)
    }

    fn signature(&self, method: &Method, url: &str) -> Result<Vec<(String, String)>, Refused> {
        const WRONG: Refused = StatusCode::INTERNAL_SERVER_ERROR;
        let secret = self.inner.secret_access_key.expose();
        let identity = Credentials::new(&self.inner.access_key_id, secret, None, None, "testing").into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.inner.region)
            .name("s3")
            .time(SystemTime::from(SystemClock.now()))
            .settings(settings)
            .build()
            .map_err(|_incomplete| WRONG)?
            .into();
        let body = SignableBody::UnsignedPayload;
        let signable =
            SignableRequest::new(method.as_str(), url, std::iter::empty(), body).map_err(|_odd| WRONG)?;
        let (instructions, _) = sign(signable, &parameters).map_err(|_odd| WRONG)?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
