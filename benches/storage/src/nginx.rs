//! nginx, which serves the same bytes from the same file system.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::process::{Server, free_port};

/// Starts it with one worker, which serves `dir` with these directives.
pub fn start(dir: &Path, word: &str, directives: &str) -> Outcome<Server> {
    run(dir, word, directives, "/small", &format!("root {}/served;", dir.display()))
}

/// Starts one before Veza that sends the files that Veza names.
pub fn start_before(dir: &Path, veza: u16) -> Outcome<Server> {
    let place = dir.display();
    let locations = format!(
        "location / {{ proxy_pass http://127.0.0.1:{veza}; proxy_set_header X-Sendfile-Type X-Accel-Redirect; }}\n\
         location /veza-blobs/ {{ internal; alias {place}/files/blobs/; }}"
    );
    run(dir, "front", "sendfile on;", "/health", &locations)
}

fn run(dir: &Path, word: &str, directives: &str, probe: &str, server: &str) -> Outcome<Server> {
    let port = free_port()?;
    let conf = dir.join(format!("nginx-{word}.conf"));
    let place = dir.display();
    let text = format!(
        "daemon off; user root; worker_processes 1; pid {place}/nginx-{word}.pid; error_log {place}/nginx-{word}.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; {directives} client_body_temp_path {place}/nginx-body;\n\
         proxy_temp_path {place}/nginx-proxy; fastcgi_temp_path {place}/nginx-fastcgi;\n\
         uwsgi_temp_path {place}/nginx-uwsgi; scgi_temp_path {place}/nginx-scgi;\n\
         server {{ listen 127.0.0.1:{port}; {server} }} }}\n"
    );
    fs::write(&conf, text)?;
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-c").arg(&conf).arg("-p").arg(dir);
    Server::start(&mut command, &dir.join(format!("nginx-{word}.out")), port, probe, "X-A: b")
}
