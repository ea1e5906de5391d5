//! The client over TLS: it believes a server whose certificate it was told to trust, and nobody else.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use veza_chat::client::{Endpoint, Incoming, Link, LinkError, Request};
use veza_chat::{Body, Delivery};

use crate::server::{HOLDS, Server};

/// Bytes of a message that needs more than one record of TLS.
const LONG: usize = 15_000;

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start();
        let room = server.room("the room".to_owned()).await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (acceptor, certificate) = acceptor();
        tokio::spawn(relay(listener, acceptor, server.address()));
        let endpoint = |host: &str| format!("https://{host}:{port}").parse::<Endpoint>().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = Arc::new(config);
        // Nobody vouches for it; it is somebody else.
        assert!(matches!(Link::open(&endpoint("localhost")).await, Err(LinkError::Io(_))));
        let other = endpoint("127.0.0.1").trust(Arc::clone(&config));
        assert!(matches!(Link::open(&other).await, Err(LinkError::Io(_))));

        let mut link = Link::open(&endpoint("localhost").trust(config)).await.unwrap();
        link.push(1, &Request::Hello { token: server.person(0).token(HOLDS) });
        link.push(2, &Request::Subscribe { room, after: None });
        let body = Body::text("x".repeat(LONG));
        link.push(3, &Request::Send { room, body, attachments: Vec::new(), client_id: None, reply_to: None });
        let (mut answers, mut heard) = (0, None);
        while answers < 3 || heard.is_none() {
            match link.next().await.unwrap() {
                Incoming::Answer { outcome, .. } => {
                    outcome.unwrap();
                    answers += 1;
                }
                Incoming::Delivery(Delivery::Event { event, .. }) => heard = event.body,
                other => panic!("{other:?}"),
            }
        }
        assert!(heard.unwrap().len() > LONG);
        println!("storm: one client over TLS, and two that do not believe the server");
    });
}

/// A server's side, and the certificate that vouches for itself, as `localhost`.
fn acceptor() -> (TlsAcceptor, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificate = made.cert.der().clone();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

/// The proxy before a server, which ends TLS.
async fn relay(listener: TcpListener, acceptor: TlsAcceptor, server: (&'static str, u16)) {
    while let Ok((client, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Who does not believe it goes away.
            let Ok(mut client) = acceptor.accept(client).await else { return };
            let mut server = TcpStream::connect(server).await.unwrap();
            let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
}
