//! HTTP by hand, so that the client costs as little as can be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Outcome;

/// An answer without its body, which was read and thrown away.
pub struct Answer {
    pub status: u16,
    pub bytes: u64,
    pub text: String,
}

/// Connects.
pub fn connect(port: u16) -> Outcome<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends the head of a request.
pub fn head(stream: &mut TcpStream, method: &str, path: &str, headers: &[(&str, &str)]) -> Outcome {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n")?;
    Ok(())
}

/// Reads an answer with a length; the body is kept when it is small.
pub fn answer(stream: &TcpStream) -> Outcome<Answer> {
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.get(9..12).ok_or("no status")?.parse()?;
    let mut length = 0_u64;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let (mut bytes, mut text, mut buffer) = (0_u64, Vec::new(), vec![0; 1 << 20]);
    while bytes < length {
        let most = usize::try_from(length - bytes)?.min(buffer.len());
        let read = reader.read(&mut buffer[..most])?;
        if read == 0 {
            return Err("the answer broke off".into());
        }
        bytes += u64::try_from(read)?;
        if text.len() < 1 << 16 {
            text.extend_from_slice(&buffer[..read.min(1 << 16)]);
        }
    }
    Ok(Answer { status, bytes, text: String::from_utf8_lossy(&text).into_owned() })
}

/// A request with a small body, and its answer.
pub fn call(port: u16, method: &str, path: &str, token: &str, body: Option<&str>) -> Outcome<Answer> {
    let mut stream = connect(port)?;
    let length = body.map_or(0, str::len).to_string();
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Content-Length", length.as_str()), ("Connection", "close")];
    if !token.is_empty() {
        headers.push(("Authorization", &bearer));
    }
    if body.is_some() {
        headers.push(("Content-Type", "application/json"));
    }
    head(&mut stream, method, path, &headers)?;
    stream.write_all(body.unwrap_or_default().as_bytes())?;
    let answer = answer(&stream)?;
    if answer.status >= 300 {
        return Err(format!("{method} {path}: {} {}", answer.status, answer.text).into());
    }
    Ok(answer)
}
