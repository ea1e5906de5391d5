//! The pages, in a real browser: Debian's Chromium, driven over `WebDriver` (W3C).

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use veza_testing::{Client, TestDirectory};

use crate::person::{PASSWORD, Person, email};
use crate::process::{wait, wait_for};
use crate::up::{Home, Up};

/// A browser window. It closes when it is dropped.
struct Browser {
    driver: Child,
    client: Client,
    session: String,
    _profile: TestDirectory,
}

/// A test's browser talks to nobody but the test.
const ARGUMENTS: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--proxy-server=direct://",
    // A camera and a microphone that are not there, and media that stays on this machine.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
];

impl Browser {
    fn open() -> Self {
        // It takes a free port and tells which, so that nobody else can take it meanwhile.
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts; apt-get install chromium chromium-driver");
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let told = said.by_ref().find_map(|line| {
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        let port: u16 = told.expect("chromedriver tells its port");
        // What else it says must find a reader.
        std::thread::spawn(move || said.for_each(drop));
        let client = Client::new(format!("http://127.0.0.1:{port}"));
        let profile = TestDirectory::new();
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().join("profile").display()));
        let options = json!({ "binary": "/usr/bin/chromium", "args": arguments });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = wait(client.post("/session", &wanted)).expect(200);
        let session = session["value"]["sessionId"].as_str().unwrap().to_owned();
        Self { driver, client, session, _profile: profile }
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{name}", self.session);
        wait(self.client.post(&path, body)).expect(200)["value"].clone()
    }

    fn go(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    fn evaluate(&self, expression: &str) -> Value {
        self.command("execute/sync", &json!({ "script": format!("return {expression}"), "args": [] }))
    }

    fn find(&self, selector: &str) -> String {
        let found = self.command("element", &json!({ "using": "css selector", "value": selector }));
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    fn write(&self, selector: &str, text: &str) {
        self.command(&format!("element/{}/value", self.find(selector)), &json!({ "text": text }));
    }

    fn click(&self, selector: &str) {
        self.command(&format!("element/{}/click", self.find(selector)), &json!({}));
    }

    fn wait_for_text(&self, selector: &str, wanted: &str) {
        let text = format!("document.querySelector({})?.textContent ?? ''", json!(selector));
        wait_for(wanted, || {
            let shown = self.evaluate(&text);
            let shown = shown.as_str().unwrap_or_default();
            assert!(!shown.contains("Failed to fetch"), "the page may not call its server: {shown}");
            shown.contains(wanted).then_some(())
        });
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        wait(self.client.delete(&format!("/session/{}", self.session)));
        let _already_gone = self.driver.kill();
        let _already_gone = self.driver.wait();
    }
}

#[test]
fn a_person_begins_and_invites_another_without_a_command_line() {
    let home = Home::used();
    let up = home.up();
    let browser = Browser::open();
    browser.go(&format!("{}/setup#{}", up.url, up.first_run_token().unwrap()));
    browser.write("[name=name]", "Acme");
    browser.write("[name=slug]", "acme");
    browser.write("[name=owner]", "Ann");
    browser.write("[name=email]", "ann@example.org");
    browser.write("[name=password]", "correct horse battery");
    browser.click("button");
    browser.wait_for_text("output", "Welcome to Acme");
    let said = browser.evaluate("document.querySelector('output').textContent");
    let token = said.as_str().unwrap().split_whitespace().last().unwrap().to_owned();

    let ann = up.client().bearer(&token);
    wait(ann.post("/v1/tenant/invitations", &json!({ "email": "bob@example.org" }))).expect(201);
    let link = wait_for("the invitation", || {
        let log = up.process.err();
        let rest = log.split_once("/invitation#token=")?.1;
        rest.split_whitespace().next().map(|token| format!("{}/invitation#token={token}", up.url))
    });
    browser.go(&link);
    browser.write("[name=name]", "Bob");
    browser.write("[name=password]", "bobs long password");
    browser.click("button");
    browser.wait_for_text("output", "You belong now");
    let members = wait(ann.get("/v1/tenant/members")).expect(200);
    assert_eq!(members["items"].as_array().unwrap().len(), 2);
}

#[test]
fn the_page_of_the_api_shows_every_route_and_loads_nothing_from_elsewhere() {
    let home = Home::used();
    let up = home.up();
    let browser = Browser::open();
    browser.go(&format!("{}/docs", up.url));
    browser.wait_for_text("body", "/v1/tenant/invitations/accept");
    let document = wait(up.client().get("/openapi.json")).expect(200);
    let text = browser.evaluate("document.body.textContent");
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(text.as_str().unwrap().contains(path.as_str()), "{path} is not on the page");
    }
    let loaded = browser.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)");
    for address in loaded.as_array().unwrap() {
        assert!(address.as_str().unwrap().starts_with(&up.url), "{address}");
    }
}

/// One pixel, as PNG.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\xdac\xf8\xcf\xc0\0\0\x03\x01\x01\0\xf7\x03AC\0\0\0\0IEND\xaeB`\x82";

/// Signs in at the page of the chat.
fn enter(browser: &Browser, url: &str, email: &str, password: &str) {
    browser.go(&format!("{url}/chat"));
    browser.write("#enter [name=email]", email);
    browser.write("#enter [name=password]", password);
    browser.click("#enter button");
    browser.wait_for_text("#state", "connected");
}

fn say(browser: &Browser, text: &str) {
    browser.write("#say input", text);
    browser.click("#say button");
}

#[test]
fn two_people_chat_and_a_cut_connection_loses_nothing() {
    let home = Home::used();
    let up = home.up();
    let password = "correct horse battery";
    let owner = json!({ "name": "Ann", "email": "ann@example.org", "password": password });
    let organization = json!({ "name": "Acme", "slug": "acme", "owner": owner });
    wait(up.client().post("/v1/tenant/organizations", &organization)).expect(201);
    let sign_in = json!({ "email": "ann@example.org", "password": password });
    let session = wait(up.client().post("/v1/tenant/sessions", &sign_in)).expect(201);
    let ann = up.client().bearer(session["access_token"].as_str().unwrap());
    wait(ann.post("/v1/tenant/invitations", &json!({ "email": "bob@example.org" }))).expect(201);
    let invited = wait_for("the invitation", || {
        let log = up.process.err();
        let rest = log.split_once("/invitation#token=")?.1;
        rest.split_whitespace().next().map(str::to_owned)
    });
    let accept = json!({ "token": invited, "name": "Bob", "password": "bobs long password" });
    assert_eq!(wait(up.client().post("/v1/tenant/invitations/accept", &accept)).status / 100, 2);
    let room = json!({ "kind": "public", "name": "lobby" });
    let room = wait(ann.post("/v1/chat/rooms", &room)).expect(201);
    let room = format!("/v1/chat/rooms/{}", room["id"].as_str().unwrap());

    let (hers, his) = (Browser::open(), Browser::open());
    enter(&hers, &up.url, "ann@example.org", password);
    enter(&his, &up.url, "bob@example.org", "bobs long password");
    hers.wait_for_text("#people .on", "Ann");
    hers.wait_for_text("#log", "Bob joined");
    wait_for("Bob is there", || {
        let there = "[...document.querySelectorAll('#people .on')].some((one) => one.textContent === 'Bob')";
        (hers.evaluate(there) == true).then_some(())
    });
    say(&hers, "Hello Bob");
    his.wait_for_text("#log", "Hello Bob");
    his.write("#say input", "Hi");
    hers.wait_for_text("#hint", "Bob writes");
    his.click("#say button");
    hers.wait_for_text("#log", "Hi");
    hers.click("#log li:last-child .like");
    his.wait_for_text("#log .reaction", "👍 1");
    his.click("#log li:nth-last-child(2) .answer");
    say(&his, "in the thread");
    hers.wait_for_text("#log .reply", "in the thread");

    // A file goes with a message, and he needs no right to files to see it.
    let picture = veza_testing::TestDirectory::new();
    let picture = picture.path().join("dot ü.png");
    std::fs::write(&picture, PICTURE).unwrap();
    hers.write("#say [name=file]", picture.to_str().unwrap());
    say(&hers, "look");
    his.wait_for_text("#log", "look");
    wait_for("the picture", || {
        let shown = "[...document.querySelectorAll('#log img')].some((one) => one.title === 'dot ü.png' && one.naturalWidth === 1)";
        (his.evaluate(shown) == true).then_some(())
    });

    // What comes meanwhile is there when the connection is back.
    hers.click("#cut");
    for number in 0..20 {
        let message = json!({ "body": { "text": format!("meanwhile {number}") } });
        wait(ann.post(&format!("{room}/messages"), &message)).expect(201);
    }
    hers.wait_for_text("#log", "meanwhile 19");
    hers.wait_for_text("#state", "1 reconnects · 0 lost · 0 doubled");
    his.wait_for_text("#log", "meanwhile 19");
    say(&hers, "back again");
    his.wait_for_text("#log", "back again");
    let log = "document.querySelector('#log').textContent";
    let text = hers.evaluate(log);
    assert_eq!(text.as_str().unwrap().matches("back again").count(), 1);
    hers.click("#log li:last-child .delete");
    wait_for("the message is gone", || {
        let text = his.evaluate(log);
        (!text.as_str().unwrap().contains("back again")).then_some(())
    });
    his.wait_for_text("#state", "0 reconnects · 0 lost · 0 doubled");
}

/// What a browser's peer connection counts, of the kind `inbound-rtp` or `outbound-rtp`.
fn counted(browser: &Browser, which: &str, direction: &str, kind: &str, what: &str) -> f64 {
    let script = format!(
        "const done = arguments[0]; const it = {which};
         if (!it) return done(null);
         it.peer.getStats().then((all) => {{
           let found = null;
           all.forEach((one) => {{ if (one.type === '{direction}' && one.kind === '{kind}') found = one.{what}; }});
           done(found);
         }});"
    );
    let body = json!({ "script": script, "args": [] });
    browser.command("execute/async", &body).as_f64().unwrap_or_default()
}

fn streams(codec: &str) {
    let home = Home::used();
    let mut command = home.up_command();
    command.env("VEZA_STREAM__MEDIA__LISTEN", "[\"127.0.0.1\"]");
    let up = Up::start(&mut command);
    let owner = Person::new(&up.client(), "acme");
    let channel = json!({ "name": "stage", "recording": true });
    wait(owner.client.post("/v1/stream/channels", &channel)).expect(201);
    let (hers, his) = (Browser::open(), Browser::open());
    for browser in [&hers, &his] {
        browser.go(&format!("{}/stream", up.url));
        browser.write("#enter [name=email]", &email("acme"));
        browser.write("#enter [name=password]", PASSWORD);
        browser.click("#enter button");
        browser.wait_for_text("#channel", "stage");
        wait_for("the page", || {
            (browser.evaluate("document.querySelector('main').hidden") == false).then_some(())
        });
    }
    // Whoever comes first waits.
    his.click("#watch");
    his.wait_for_text("#state", "nothing is live yet");
    hers.evaluate(&format!("(document.querySelector('#codec').value = {})", json!(codec)));
    hers.click("#publish");
    wait_for("pictures", || {
        (counted(&his, "watching", "inbound-rtp", "video", "framesDecoded") > 50.0).then_some(())
    });
    wait_for("sound", || {
        (counted(&his, "watching", "inbound-rtp", "audio", "totalAudioEnergy") > 0.0).then_some(())
    });
    his.wait_for_text("#received", codec);
    hers.wait_for_text("#state", "live · 1 watch");
    let lost = counted(&his, "watching", "inbound-rtp", "video", "packetsLost");
    assert!(lost < 1.0, "{lost} packets were lost on one machine");
    let cipher = "const done = arguments[0]; watching.peer.getStats().then((all) => {
        all.forEach((one) => { if (one.srtpCipher) done(one.srtpCipher); }); });";
    let cipher = his.command("execute/async", &json!({ "script": cipher, "args": [] }));
    assert_eq!(cipher, "SRTP_AEAD_AES_128_GCM", "the cheapest that both know");
    // Who comes late begins at once.
    his.click("#watch");
    his.wait_for_text("#state", "0 watch");
    his.click("#watch");
    wait_for("pictures again", || {
        (counted(&his, "watching", "inbound-rtp", "video", "framesDecoded") > 10.0).then_some(())
    });
    hers.click("#publish");
    his.wait_for_text("#state", "nothing is live");
    // What was published is there to be played.
    wait_for("the recording", || {
        hers.evaluate("recordings()");
        let there = hers.evaluate("document.querySelector('#recordings button') !== null");
        (there == true).then_some(())
    });
    // The list may be drawn anew at any moment.
    hers.evaluate("document.querySelector('#recordings button').click()");
    wait_for("it plays", || {
        let seen = hers.evaluate("document.querySelector('#recordings video')?.currentTime ?? 0");
        (seen.as_f64().unwrap_or_default() > 1.0).then_some(())
    });
    let size = hers.evaluate("document.querySelector('#recordings video').videoWidth");
    // The browser may send smaller pictures until it knows how much the way carries.
    assert!(size.as_u64().unwrap_or_default() >= 160, "{size}");
    let duration = hers.evaluate("document.querySelector('#recordings video').duration");
    assert!(duration.as_f64().unwrap_or_default() > 2.0, "{duration}");
}

#[test]
fn a_page_publishes_and_another_watches() {
    streams("VP8");
}

#[test]
fn a_page_publishes_vp9() {
    streams("VP9");
}

#[test]
fn a_page_publishes_h264() {
    streams("H264");
}

#[test]
fn a_page_publishes_av1() {
    streams("AV1");
}
