//! What is between clients and servers: it cuts connections anywhere, and lets some stall.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::time::sleep;
use veza_chat::client::Endpoint;

use crate::dice::Dice;
use crate::services::Ports;

/// Bytes that a stalling connection's socket takes, so that the server notices.
const SMALL: u32 = 4_096;

#[derive(Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    calm: Arc<AtomicBool>,
    cuts: Arc<watch::Sender<u64>>,
}

/// What happens to one connection.
struct Plan {
    /// It ends after so many bytes of the server.
    cut: Option<u64>,
    /// After so many bytes of the server nothing is read for a while; a few times.
    stall: Option<Stall>,
    /// Bytes that are passed on at once.
    piece: usize,
}

impl Proxy {
    pub(crate) async fn start(ports: Ports, dice: Dice) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Self { address, calm: Arc::default(), cuts: Arc::new(watch::Sender::new(0)) };
        tokio::spawn(proxy.clone().accept(listener, ports, Arc::new(Mutex::new(dice))));
        proxy
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        format!("http://{}", self.address).parse().unwrap()
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// From now on connections are left alone; those that were to be cut are.
    pub(crate) fn calm(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    async fn accept(self, listener: TcpListener, ports: Ports, dice: Arc<Mutex<Dice>>) {
        while let Ok((client, _)) = listener.accept().await {
            let mut dice = dice.lock().await;
            let live: Vec<u16> = ports.lock().unwrap().iter().copied().filter(|port| *port > 0).collect();
            if live.is_empty() {
                continue;
            }
            let port = *dice.pick(&live);
            let plan = self.plan(&mut dice);
            let mut cuts = self.cuts.subscribe();
            tokio::spawn(async move {
                tokio::select! {
                    _ended = connection(client, port, plan) => {}
                    _cut = cuts.changed() => {}
                }
            });
        }
    }

    fn plan(&self, dice: &mut Dice) -> Plan {
        let calm = self.calm.load(Ordering::SeqCst);
        let piece = usize::try_from(16 + dice.below(4_000)).unwrap();
        let cut = (!calm && dice.chance(60)).then(|| dice.below(400_000));
        let stall = (!calm && dice.chance(30)).then(|| Stall {
            every: dice.below(40_000),
            time: Duration::from_millis(50 + dice.below(300)),
            times: 1 + dice.below(6),
        });
        Plan { cut, stall, piece }
    }
}

struct Stall {
    every: u64,
    time: Duration,
    times: u64,
}

async fn connection(client: TcpStream, port: u16, plan: Plan) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    if plan.stall.is_some() {
        socket.set_recv_buffer_size(SMALL)?;
    }
    let server = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = Plan { cut: None, stall: None, piece: plan.piece };
    tokio::select! {
        ended = pump(from_client, to_server, up) => ended,
        ended = pump(from_server, to_client, plan) => ended,
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut plan: Plan,
) -> io::Result<()> {
    let (mut buffer, mut passed, mut stalled) = (vec![0; plan.piece], 0_u64, 0_u64);
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let left = plan.cut.map_or(u64::MAX, |cut| cut.saturating_sub(passed));
        let part = read.min(usize::try_from(left).unwrap_or(usize::MAX));
        to.write_all(&buffer[..part]).await?;
        passed += u64::try_from(part).unwrap();
        if part < read || left == 0 {
            return Ok(());
        }
        if let Some(stall) = &mut plan.stall
            && stall.times > 0
            && passed - stalled > stall.every
        {
            stalled = passed;
            stall.times -= 1;
            sleep(stall.time).await;
        }
    }
}
