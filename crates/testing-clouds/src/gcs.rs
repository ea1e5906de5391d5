//! The server.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use veza_core::Tasks;
use veza_core::config::Secret;
use veza_storage::backend::cloud::{CloudConfig, GcsConfig};
use veza_testing_s3::{Faults, S3Server};

use crate::account::Account;
use crate::door::Door;

/// A server with one bucket that speaks as Google's does, on a loopback port until it is dropped.
#[derive(Debug)]
pub struct GcsServer {
    address: SocketAddr,
    inner: S3Server,
    bucket: String,
    key: String,
    tasks: Tasks,
}

impl GcsServer {
    /// Starts a server whose objects lie in a new directory below `parent`.
    ///
    /// # Errors
    /// Without a port, a directory, or a key.
    pub async fn start(parent: &Path) -> io::Result<Self> {
        let inner = S3Server::start(parent).await?;
        let (account, config) = (Account::generate()?, inner.config());
        let (bucket, key) = (config.bucket.clone(), account.key().to_owned());
        let http = reqwest::Client::builder().no_proxy().build().map_err(io::Error::other)?;
        let door = Arc::new(Door { account, inner: config, http });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let this = Self { address, inner, bucket, key, tasks: Tasks::new() };
        let tasks = this.tasks.clone();
        this.tasks.spawn("testing_gcs_listen", move |stop| async move {
            stop.run_until_cancelled(listen(listener, door, tasks)).await;
        });
        Ok(this)
    }

    /// How to speak to it.
    pub fn config(&self) -> GcsConfig {
        Self::config_of(format!("http://{}", self.address), &self.bucket, &self.key)
    }

    /// How to speak to a server in another process, which said what this is.
    pub fn config_of(endpoint: String, bucket: &str, key: &str) -> GcsConfig {
        // Less than Google's least, so that tests are fast.
        let cloud = CloudConfig { part_size: 64 * 1024, ..CloudConfig::default() };
        GcsConfig { endpoint: Some(endpoint), cloud, ..GcsConfig::new(bucket, Secret::new(key)) }
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        self.inner.faults()
    }

    /// How many uploads in parts have begun and not ended.
    pub async fn uploads(&self) -> usize {
        self.inner.uploads().await
    }
}

impl Drop for GcsServer {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}

async fn listen(listener: TcpListener, door: Arc<Door>, tasks: Tasks) {
    while let Ok((socket, _)) = listener.accept().await {
        let door = Arc::clone(&door);
        tasks.spawn("testing_gcs_connection", move |stop| async move {
            stop.run_until_cancelled(serve(socket, door)).await;
        });
    }
}

async fn serve(socket: TcpStream, door: Arc<Door>) {
    let answer = service_fn(move |request| {
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(request).await) }
    });
    // A client that goes away is no mistake of ours.
    let _ended = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), answer).await;
}
