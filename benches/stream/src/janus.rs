//! Janus and its VideoRoom, by its JSON interface over HTTP.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::process::free_port;
use crate::sdp::Description;
use crate::signal::{PUBLISHES, Signal, WATCHES};

const ROOM: u32 = 1_234;
/// Plugins that are not needed.
const OTHERS: [&str; 11] = [
    "audiobridge",
    "duktape",
    "echotest",
    "lua",
    "nosip",
    "recordplay",
    "sip",
    "streaming",
    "textroom",
    "videocall",
    "voicemail",
];

pub struct Janus {
    child: Child,
    port: u16,
    dir: PathBuf,
    session: u64,
    publisher: u64,
    asked: u64,
}

impl Janus {
    /// Starts it on the first core, with a room.
    pub fn start() -> Outcome<Self> {
        let port = free_port()?;
        let dir = std::env::temp_dir().join(format!("veza-bench-janus-{port}"));
        fs::create_dir_all(&dir)?;
        let others = OTHERS.map(|name| format!("libjanus_{name}.so"));
        // Lite, as an SFU with a public address is; one loop for all handles instead of a thread each.
        let main = format!(
            "general: {{ configs_folder = \"{}\"; debug_level = 2; session_timeout = 0; event_loops = 1; }}\n\
             nat: {{ ice_lite = true; ice_tcp = false; nice_debug = false; ignore_mdns = true; }}\n\
             media: {{ ipv6 = false; }}\n\
             plugins: {{ disable = \"{}\"; }}\n\
             transports: {{ disable = \"libjanus_websockets.so,libjanus_pfunix.so,libjanus_mqtt.so,libjanus_nanomsg.so,\
             libjanus_rabbitmq.so\"; }}\nevents: {{ broadcast = false; }}\n",
            dir.display(),
            others.join(",")
        );
        fs::write(dir.join("janus.jcfg"), main)?;
        fs::write(dir.join("janus.plugin.videoroom.jcfg"), "general: { }\n")?;
        let http = format!(
            "general: {{ json = \"compact\"; base_path = \"/janus\"; http = true; port = {port}; ip = \"127.0.0.1\"; \
             https = false; }}\nadmin: {{ admin_http = false; }}\n"
        );
        fs::write(dir.join("janus.transport.http.jcfg"), http)?;
        let log = fs::File::create(dir.join("log"))?;
        let child = Command::new("taskset")
            .args(["-c", "0", "janus", "-o", "-F"])
            .arg(&dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut janus = Self { child, port, dir, session: 0, publisher: 0, asked: 0 };
        let patience = Instant::now() + Duration::from_secs(10);
        janus.session = loop {
            match janus.post("/janus", json!({ "janus": "create" })) {
                Ok(answer) => break answer["data"]["id"].as_u64().ok_or("no session")?,
                Err(error) if Instant::now() > patience => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        Ok(janus)
    }

    fn post(&mut self, path: &str, mut body: Value) -> Outcome<Value> {
        self.asked += 1;
        body["transaction"] = json!(self.asked.to_string());
        let answer = self.http("POST", path, &body.to_string())?;
        if answer["janus"] == "error" { Err(answer.to_string().into()) } else { Ok(answer) }
    }

    fn http(&self, method: &str, path: &str, body: &str) -> Outcome<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP")?;
        Ok(serde_json::from_str(body)?)
    }

    fn attach(&mut self) -> Outcome<u64> {
        let path = format!("/janus/{}", self.session);
        let answer = self.post(&path, json!({ "janus": "attach", "plugin": "janus.plugin.videoroom" }))?;
        Ok(answer["data"]["id"].as_u64().ok_or("no handle")?)
    }

    /// Tells the plugin something.
    fn tell(&mut self, handle: u64, body: &Value, jsep: Option<Value>) -> Outcome<Value> {
        let mut message = json!({ "janus": "message", "body": body });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        self.post(&format!("/janus/{}/{handle}", self.session), message)
    }

    /// Waits for what the plugin says about a handle.
    fn event(&self, handle: u64) -> Outcome<Value> {
        let path = format!("/janus/{}?maxev=1", self.session);
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            let event = self.http("GET", &path, "")?;
            if event["janus"] == "event" && event["sender"].as_u64() == Some(handle) {
                let refused = event["plugindata"]["data"]["error"].is_string();
                return if refused { Err(event.to_string().into()) } else { Ok(event) };
            }
        }
        Err("Janus said nothing".into())
    }
}

impl Signal for Janus {
    fn publish(&mut self, own: &Description) -> Outcome<Description> {
        let handle = self.attach()?;
        let room = json!({
            "request": "create", "room": ROOM, "publishers": 1, "audiocodec": "opus", "videocodec": "vp8",
            "bitrate": 0, "transport_wide_cc_ext": true,
        });
        self.tell(handle, &room, None)?;
        let join = json!({ "request": "joinandconfigure", "room": ROOM, "ptype": "publisher" });
        let sdp = located(own).write(PUBLISHES);
        self.tell(handle, &join, Some(json!({ "type": "offer", "sdp": sdp })))?;
        let event = self.event(handle)?;
        self.publisher = event["plugindata"]["data"]["id"].as_u64().ok_or("no publisher")?;
        Description::read(event["jsep"]["sdp"].as_str().ok_or("no answer")?)
    }

    fn view(&mut self, own: &Description) -> Outcome<Description> {
        let handle = self.attach()?;
        let join = json!({
            "request": "join", "room": ROOM, "ptype": "subscriber", "streams": [{ "feed": self.publisher }],
        });
        self.tell(handle, &join, None)?;
        let event = self.event(handle)?;
        let offer = Description::read(event["jsep"]["sdp"].as_str().ok_or("no offer")?)?;
        let mut answer = located(own);
        answer.media.clone_from(&offer.media);
        for media in &mut answer.media {
            (media.ssrc, media.rtx_ssrc) = (None, None);
        }
        let jsep = json!({ "type": "answer", "sdp": answer.write(WATCHES) });
        self.tell(handle, &json!({ "request": "start" }), Some(jsep))?;
        self.event(handle)?;
        Ok(offer)
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// It wants to read an address, though it checks none.
fn located(own: &Description) -> Description {
    Description { address: Some(([192, 0, 2, 1], 9).into()), ..own.clone() }
}

impl Drop for Janus {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}
