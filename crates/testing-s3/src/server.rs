//! The server.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::host::MultiDomain;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;
use veza_core::config::Secret;
use veza_core::{SystemRandom, Tasks};
use veza_storage::backend::s3::S3Config;

use crate::classes::Classes;
use crate::faults::Faults;
use crate::objects::{Objects, Shared};
use crate::tls;
use crate::uploads::Uploads;

const BUCKET: &str = "bucket";
const ACCESS_KEY_ID: &str = "veza";
const SECRET_ACCESS_KEY: &str = "not-a-secret";

/// Bytes of the smallest part that is not the last: less than Amazon's, so that tests are fast.
const MIN_PART: usize = 64 * 1024;

/// An S3 server with one bucket, on a loopback port until it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    directory: PathBuf,
    faults: Arc<Faults>,
    classes: Arc<Classes>,
    uploads: Arc<Mutex<Uploads>>,
    tasks: Tasks,
    certificate: Option<PathBuf>,
}

impl S3Server {
    /// Starts a server whose objects lie in a new directory below `parent`.
    pub async fn start(parent: &Path) -> io::Result<Self> {
        Self::begin(parent, false).await
    }

    /// Starts a server that speaks TLS, with a certificate of its own.
    pub async fn start_tls(parent: &Path) -> io::Result<Self> {
        Self::begin(parent, true).await
    }

    async fn begin(parent: &Path, with_tls: bool) -> io::Result<Self> {
        let name = u64::from_le_bytes(veza_core::bytes::<8>(&SystemRandom));
        let directory = parent.join(format!("s3-{name:016x}"));
        std::fs::create_dir_all(directory.join(BUCKET))?;
        let (faults, classes) = (Arc::new(Faults::default()), Arc::new(Classes::default()));
        let uploads = Arc::new(Mutex::default());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let service = service(&directory, &faults, &classes, &uploads, address.port())?;
        let certificate = with_tls.then(|| directory.join("certificate.pem"));
        let tls = certificate.as_deref().map(tls::acceptor).transpose()?;
        let this = Self { address, directory, faults, classes, uploads, tasks: Tasks::new(), certificate };
        let tasks = this.tasks.clone();
        this.tasks.spawn("testing_s3_listen", move |stop| async move {
            stop.run_until_cancelled(listen(listener, service, tls, tasks)).await;
        });
        Ok(this)
    }

    /// How to speak to it.
    pub fn config(&self) -> S3Config {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        let ca_file = self.certificate.clone();
        S3Config { ca_file, ..Self::config_of(format!("{scheme}://{}", self.address)) }
    }

    /// How to speak to a server in another process, which said where it is.
    pub fn config_of(endpoint: String) -> S3Config {
        let secret = Secret::new(SECRET_ACCESS_KEY);
        let config = S3Config::new("eu-test-1", BUCKET, ACCESS_KEY_ID, secret).with_endpoint(endpoint);
        S3Config { part_size: MIN_PART, ..config }
    }

    /// How many uploads in parts have begun and not ended.
    pub async fn uploads(&self) -> usize {
        self.uploads.lock().await.list(BUCKET, "").len()
    }

    /// The same with the bucket in the host's name: `bucket.localhost`.
    pub fn virtual_host_config(&self) -> S3Config {
        let endpoint = Some(format!("http://localhost:{}", self.address.port()));
        S3Config { endpoint, path_style: false, ..self.config() }
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The storage class of an object that has another than the usual one.
    pub fn class_of(&self, key: &str) -> Option<String> {
        self.classes.get(key)
    }

    /// Where the objects of the bucket lie.
    pub fn objects(&self) -> PathBuf {
        self.directory.join(BUCKET)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
        // What a request still writes may come in between; the build's directory is not kept for long.
        let _left = std::fs::remove_dir_all(&self.directory);
    }
}

fn service(
    directory: &Path,
    faults: &Arc<Faults>,
    classes: &Arc<Classes>,
    uploads: &Arc<Mutex<Uploads>>,
    port: u16,
) -> io::Result<S3Service> {
    let inner = FileSystem::new(directory).map_err(|error| io::Error::other(format!("{error:?}")))?;
    let shared =
        Shared { faults: Arc::clone(faults), classes: Arc::clone(classes), uploads: Arc::clone(uploads) };
    let mut service = S3ServiceBuilder::new(Objects::new(inner, BUCKET, shared, MIN_PART));
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
    let hosts = [format!("localhost:{port}"), format!("127.0.0.1:{port}")];
    service.set_host(MultiDomain::new(&hosts).map_err(io::Error::other)?);
    Ok(service.build())
}

async fn listen(listener: TcpListener, service: S3Service, tls: Option<TlsAcceptor>, tasks: Tasks) {
    while let Ok((socket, _)) = listener.accept().await {
        let (service, tls) = (service.clone(), tls.clone());
        tasks.spawn("testing_s3_connection", move |stop| async move {
            // A client that goes away is no mistake of ours.
            let _ended = stop.run_until_cancelled(accept(socket, service, tls)).await;
        });
    }
}

async fn accept(socket: TcpStream, service: S3Service, tls: Option<TlsAcceptor>) {
    match tls {
        None => serve(socket, service).await,
        Some(tls) => {
            if let Ok(socket) = tls.accept(socket).await {
                serve(socket, service).await;
            }
        }
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, service: S3Service) {
    let http = Builder::new(TokioExecutor::new());
    let _ended = http.serve_connection(TokioIo::new(socket), service).await;
}
