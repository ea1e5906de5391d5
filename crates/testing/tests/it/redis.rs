use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use veza_testing::redis;

fn talk(socket: &Path, command: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(command.as_bytes()).unwrap();
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(answer.get(..length).unwrap()).into_owned()
}

#[test]
fn it_answers_alone_and_ends_with_its_owner() {
    let (one, two) = (redis(), redis());
    assert_eq!(talk(&one.socket(), "SET a 1\r\n"), "+OK\r\n");
    assert_eq!(talk(&two.socket(), "GET a\r\n"), "$-1\r\n");
    let socket = one.socket();
    drop(one);
    assert!(!socket.exists());
    assert_eq!(talk(&two.socket(), "PING\r\n"), "+PONG\r\n");
}

#[test]
fn it_ends_with_a_killed_program() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "redis::helper", "--ignored", "--nocapture"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut output = String::new();
    let mut pipe = child.stdout.take().unwrap();
    while !output.contains("socket=") || !output.ends_with('\n') {
        let mut buffer = [0; 256];
        let length = pipe.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "the helper ended: {output}");
        output.push_str(&String::from_utf8_lossy(buffer.get(..length).unwrap()));
    }
    let socket = PathBuf::from(output.split("socket=").nth(1).unwrap().trim());
    assert_eq!(talk(&socket, "PING\r\n"), "+PONG\r\n");
    child.kill().unwrap();
    child.wait().unwrap();
    let begin = Instant::now();
    while socket.parent().unwrap().exists() {
        assert!(begin.elapsed() < Duration::from_secs(10), "it is still there");
        sleep(Duration::from_millis(10));
    }
}

#[test]
#[ignore = "run by it_ends_with_a_killed_program"]
fn helper() {
    let redis = redis();
    println!("socket={}", redis.socket().display());
    sleep(Duration::from_mins(1));
}
