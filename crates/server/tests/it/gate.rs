//! A way to a server that shuts when so many bytes have passed, until it is opened.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// What passes: bytes until it shuts, and whether that has happened.
#[derive(Default)]
struct State {
    left: Option<usize>,
    shut: bool,
}

pub(crate) struct Gate {
    pub(crate) url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Gate {
    /// A gate before the server at `url`, through which `bytes` pass towards it.
    pub(crate) fn new(url: &str, bytes: usize) -> Self {
        let target = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new((Mutex::new(State { left: Some(bytes), shut: false }), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let server = TcpStream::connect(&target).unwrap();
                let (mut back, mut there) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || {
                    let _ended = std::io::copy(&mut back, &mut there);
                    let _closed = there.shutdown(Shutdown::Both);
                });
                let shared = Arc::clone(&shared);
                thread::spawn(move || pass(client, server, &shared));
            }
        });
        Self { url, state }
    }

    /// Waits until no more passes.
    pub(crate) fn wait_until_shut(&self) {
        let (state, told) = &*self.state;
        drop(told.wait_while(state.lock().unwrap(), |state| !state.shut).unwrap());
    }

    /// Lets everything pass from now on.
    pub(crate) fn open(&self) {
        self.state.0.lock().unwrap().left = None;
    }
}

/// What the client says goes to the server, until the gate shuts: then it waits for the client's end.
fn pass(mut client: TcpStream, mut server: TcpStream, state: &(Mutex<State>, Condvar)) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        let shut = {
            let mut now = state.0.lock().unwrap();
            match &mut now.left {
                Some(left) if *left < read => {
                    now.shut = true;
                    state.1.notify_all();
                    true
                }
                Some(left) => {
                    *left -= read;
                    false
                }
                None => false,
            }
        };
        if !shut && server.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _closed = server.shutdown(Shutdown::Both);
}
