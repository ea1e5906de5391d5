//! Another implementation of WebSocket, as a client.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};
use veza_testing::App;

/// A client that waits for what it wants, twenty seconds at most.
pub(crate) struct Peer {
    socket: WebSocket<TcpStream>,
    id: u64,
    /// What came meanwhile without being asked for.
    pushed: Vec<Value>,
}

impl Peer {
    /// Connects, and says nothing.
    pub(crate) fn silent(app: &App) -> Self {
        Self::with(app, &[]).unwrap()
    }

    /// Connects with headers of its own.
    pub(crate) fn with(
        app: &App,
        headers: &[(&'static str, String)],
    ) -> Result<Self, Box<tungstenite::Error>> {
        let address = app.base.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut request = format!("ws://{address}/v1/chat/connect").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = tungstenite::client(request, stream).map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => Box::new(error),
            tungstenite::HandshakeError::Interrupted(_) => panic!("the handshake takes too long"),
        })?;
        Ok(Self { socket, id: 0, pushed: Vec::new() })
    }

    /// Connects with a token.
    pub(crate) fn enter(app: &App, token: &str) -> Self {
        let mut peer = Self::silent(app);
        let welcome = peer.ask(json!({ "method": "hello", "token": token }));
        assert!(welcome["result"]["member"].is_string(), "{welcome}");
        peer
    }

    /// Sends a request without waiting; its id.
    pub(crate) fn begin(&mut self, mut request: Value) -> u64 {
        self.id += 1;
        request["id"] = json!(self.id);
        self.text(&request.to_string());
        self.id
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// Waits for the answer to a request.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        loop {
            let value = self.read().unwrap_or_else(|close| panic!("closed with {close:?} before the answer"));
            if value["id"] == id {
                return value;
            }
            assert!(value["type"].is_string(), "{value}");
            self.pushed.push(value);
        }
    }

    pub(crate) fn ask(&mut self, request: Value) -> Value {
        let id = self.begin(request);
        self.answer(id)
    }

    /// What comes next without being asked for.
    pub(crate) fn push(&mut self) -> Value {
        if self.pushed.is_empty() {
            return self.read().unwrap_or_else(|close| panic!("closed with {close:?}"));
        }
        self.pushed.remove(0)
    }

    /// Waits for the end; its code.
    pub(crate) fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.read() {
                return code.unwrap_or(0);
            }
        }
    }

    /// Says goodbye.
    pub(crate) fn close(&mut self, code: Option<u16>) {
        let frame = code.map(|code| CloseFrame { code: code.into(), reason: "".into() });
        self.socket.close(frame).unwrap();
    }

    /// Waits until the server has closed the connection, which it does without waiting for this side: for less time than
    /// HTTP's side lingers.
    pub(crate) fn hung_up(&mut self) {
        self.socket.get_ref().set_read_timeout(Some(Duration::from_secs(4))).unwrap();
        assert_eq!(self.read(), Err(None));
    }

    /// The next message, or the code of the close frame.
    fn read(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => return Err(frame.map(|frame| frame.code.into())),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) => panic!("nothing came: {error}"),
                Err(_gone) => return Err(None),
            }
        }
    }
}
