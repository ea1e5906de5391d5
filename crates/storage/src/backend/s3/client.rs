//! The client library, made from the configuration alone.

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient,
};
use aws_sdk_s3::{Client, Config};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use super::S3Config;
use crate::Error;

/// The client for requests.
pub(super) fn client(config: &S3Config) -> Result<Client, Error> {
    let checksums = if config.sends_checksums() {
        RequestChecksumCalculation::WhenSupported
    } else {
        RequestChecksumCalculation::WhenRequired
    };
    Ok(Client::from_conf(base(config)?.request_checksum_calculation(checksums).build()))
}

/// The client for requests that somebody else makes: nobody knows the checksum of a body that is to come.
pub(super) fn presigner(config: &S3Config) -> Result<Client, Error> {
    let never = RequestChecksumCalculation::WhenRequired;
    Ok(Client::from_conf(base(config)?.request_checksum_calculation(never).build()))
}

fn base(config: &S3Config) -> Result<Builder, Error> {
    let session = config.session_token.as_ref().map(|token| token.expose().to_owned());
    let secret = config.secret_access_key.expose();
    let credentials = Credentials::new(&config.access_key_id, secret, session, None, "veza");
    let mut builder = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(config.path_style)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(RetryConfig::standard().with_max_attempts(config.attempts))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(config.connect_timeout)
                .operation_attempt_timeout(config.attempt_timeout)
                .operation_timeout(config.timeout)
                .build(),
        )
        .http_client(http_client(config)?);
    builder.set_endpoint_url(config.endpoint.clone());
    Ok(builder)
}

fn http_client(config: &S3Config) -> Result<SharedHttpClient, Error> {
    let builder = aws_smithy_http_client::Builder::new();
    if config.is_plain() {
        return Ok(builder.build_http());
    }
    let builder = builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    let Some(path) = &config.ca_file else { return Ok(builder.build_https()) };
    let cannot = |error: &dyn std::fmt::Display| Error::Setup(format!("S3: {}: {error}", path.display()));
    let pem = std::fs::read(path).map_err(|error| cannot(&error))?;
    let trust = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(|error| cannot(&error))?;
    Ok(builder.tls_context(context).build_https())
}

/// What a request overrides that the service may take long for, or that nobody knows the length of.
pub(super) fn within(timeout: Option<std::time::Duration>) -> Builder {
    let mut timeouts = TimeoutConfig::builder();
    match timeout {
        Some(timeout) => {
            timeouts.set_operation_attempt_timeout(Some(timeout)).set_operation_timeout(Some(timeout));
            Config::builder().timeout_config(timeouts.build())
        }
        None => Config::builder()
            .timeout_config(timeouts.disable_operation_attempt_timeout().disable_operation_timeout().build()),
    }
}
