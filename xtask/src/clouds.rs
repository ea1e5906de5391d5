//! The tests of the cloud backends, with Microsoft's emulator beside them.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::shell::{self, cargo_with};
use crate::{Outcome, options};

/// Where the emulator is installed.
const TOOLS: &str = "target/tools/azurite";
/// The last version that runs on Debian's Node.js, and a client that makes the container.
const PACKAGES: [&str; 2] = ["azurite@3.35.0", "@azure/storage-blob@12"];
const ACCOUNT: &str = "veza";
const KEY: &str = "bm90IGEgc2VjcmV0LCBidXQgYSBrZXkgb2YgMzIgYi4=";
const CONTAINER: &str = "veza-test";
/// How long the emulator may take to start.
const START: Duration = Duration::from_mins(1);

/// The emulator, until it is dropped.
struct Azurite {
    child: Child,
    port: u16,
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Installs the emulator, starts it, and runs the tests.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    options::none(arguments)?;
    install()?;
    let azurite = start()?;
    let endpoint = format!("http://127.0.0.1:{}/{ACCOUNT}", azurite.port);
    make_container(&endpoint)?;
    for name in ["it", "fault"] {
        let mut command = cargo_with(&format!("test -p veza-testing-clouds --features server --test {name}"));
        command.env("VEZA_TEST_AZURE_ENDPOINT", &endpoint).env("VEZA_TEST_AZURE_ACCOUNT", ACCOUNT);
        command.env("VEZA_TEST_AZURE_ACCESS_KEY", KEY).env("VEZA_TEST_AZURE_CONTAINER", CONTAINER);
        shell::run(command)?;
    }
    shell::run(cargo_with("test -p veza-testing-clouds --features server --test fault"))?;
    println!("ran on Azurite ({}), and on Google's API before a server of S3", PACKAGES[0]);
    println!("NOT RUN on the services themselves: see crates/testing-clouds/README.md");
    Ok(())
}

fn program() -> PathBuf {
    Path::new(TOOLS).join("node_modules/.bin/azurite-blob")
}

fn install() -> Outcome {
    if program().exists() {
        return Ok(());
    }
    if !shell::on_path("npm") {
        return Err("the emulator comes with npm: install nodejs and npm".to_owned());
    }
    fs::create_dir_all(TOOLS).map_err(|error| format!("{TOOLS}: {error}"))?;
    let mut command = Command::new("npm");
    command.args(["install", "--no-audit", "--no-fund", "--prefix", TOOLS]).args(PACKAGES);
    shell::run(command)
}

fn start() -> Outcome<Azurite> {
    let cannot = |error: std::io::Error| format!("the emulator: {error}");
    // Somebody else may take it in between; then the emulator says so.
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(cannot)?.port();
    let location = Path::new(TOOLS).join(format!("data-{port}"));
    let mut command = Command::new(program());
    command.args([
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        &port.to_string(),
        "--silent",
        "--skipApiVersionCheck",
    ]);
    command.arg("--disableTelemetry").arg("--location").arg(location);
    command.env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{KEY}")).stdin(Stdio::null()).stdout(Stdio::null());
    let mut azurite = Azurite { child: command.spawn().map_err(cannot)?, port };
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = azurite.child.try_wait().map_err(cannot)? {
            return Err(format!("the emulator ended ({status})"));
        }
        if begin.elapsed() > START {
            return Err("the emulator does not start".to_owned());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(azurite)
}

fn make_container(endpoint: &str) -> Outcome {
    let script = format!(
        "const {{ BlobServiceClient: S, StorageSharedKeyCredential: K }} = require('@azure/storage-blob');\n\
         new S('{endpoint}', new K('{ACCOUNT}', '{KEY}')).getContainerClient('{CONTAINER}').createIfNotExists();"
    );
    let mut command = Command::new("node");
    command.args(["-e", &script]).current_dir(TOOLS);
    shell::run(command)
}
