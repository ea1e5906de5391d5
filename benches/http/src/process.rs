//! Processes that are measured.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// `/proc` counts CPU time in hundredths of a second, on every machine that Linux runs on today.
pub const TICK: Duration = Duration::from_millis(10);

/// A server under test with all its processes. Dropping it ends them.
pub struct Server {
    child: Child,
    pub port: u16,
    /// From its start to its first good answer.
    pub started_in: Duration,
}

impl Server {
    /// Starts `command` and waits until `path` answers with 200. What it prints goes to `log`.
    pub fn start(
        command: &mut Command,
        log: &std::path::Path,
        port: u16,
        path: &str,
        header: &str,
    ) -> Outcome<Self> {
        let output = fs::File::create(log)?;
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?;
        let mut server = Self { child, port, started_in: Duration::ZERO };
        while !get(port, path, header).is_ok_and(|(status, _)| status == 200) {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("{status}: {}", fs::read_to_string(log)?).into());
            }
            if began.elapsed() > Duration::from_secs(30) {
                return Err(format!("no good answer in 30 s: {}", fs::read_to_string(log)?).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.started_in = began.elapsed();
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A free port, which somebody else could take first.
pub fn free_port() -> Outcome<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Status and body of a GET.
pub fn get(port: u16, path: &str, header: &str) -> Outcome<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP")?;
    Ok((head.get(9..12).ok_or("no status")?.parse()?, body.to_owned()))
}

/// The process and all below it.
pub fn tree(root: u32) -> Outcome<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some(parent) = stat(pid).and_then(|stat| stat.first()?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

/// CPU time of the process and all below it, those that ended included.
pub fn cpu(root: u32) -> Outcome<Duration> {
    let ticks = |pid| {
        stat(pid).map_or(0, |stat| {
            stat.iter().skip(10).take(4).filter_map(|ticks| ticks.parse::<u32>().ok()).sum()
        })
    };
    Ok(TICK * tree(root)?.into_iter().map(ticks).sum::<u32>())
}

/// CPU time of this process, and of its children that have ended.
pub fn own_cpu() -> Outcome<[Duration; 2]> {
    let stat = stat(std::process::id()).ok_or("no /proc/self/stat")?;
    let ticks = |at: usize| stat.get(at).and_then(|ticks| ticks.parse::<u32>().ok()).unwrap_or(0);
    Ok([TICK * (ticks(10) + ticks(11)), TICK * (ticks(12) + ticks(13))])
}

/// The fields of `/proc/<pid>/stat` from the parent's id on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold blanks and parentheses.
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().skip(1).map(str::to_owned).collect())
}

/// Memory of processes, what is shared counted by shares, in KiB.
pub fn memory(pids: &[u32]) -> Outcome<u64> {
    let pss = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find(|line| line.starts_with("Pss:"))?.split_whitespace().nth(1)?;
        line.parse::<u64>().ok()
    };
    Ok(pids.iter().filter_map(pss).sum())
}
