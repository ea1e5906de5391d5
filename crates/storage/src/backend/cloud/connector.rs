//! The HTTP client, made from the configuration alone.

use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector};

use super::CloudConfig;
use crate::Error;

/// Connects without a look at the environment, where the usual one would find proxies.
#[derive(Debug)]
pub(super) struct Direct(reqwest::Client);

impl Direct {
    pub(super) fn new(config: &CloudConfig) -> Result<Self, Error> {
        let cannot = |error: reqwest::Error| Error::Setup(format!("the HTTP client: {error}"));
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(config.connect_timeout)
            .read_timeout(config.read_timeout);
        if let Some(path) = &config.ca_file {
            let pem = std::fs::read(path)
                .map_err(|error| Error::Setup(format!("certificates {}: {error}", path.display())))?;
            builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem).map_err(cannot)?);
        }
        Ok(Self(builder.build().map_err(cannot)?))
    }
}

impl HttpConnector for Direct {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}
