//! A Veza with an organisation and two buckets.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use veza::core::db::{Migrator, bootstrap};
use veza_postgres::{Binaries, Cluster, SUPERUSER, Settings};

use crate::process::{Server, free_port};
use crate::{Options, Outcome, client};

/// What is measured. It is removed in the end.
pub struct Stage {
    pub veza: Server,
    pub token: String,
    pub dir: PathBuf,
    cluster: Option<Cluster>,
}

impl Stage {
    pub fn build(options: &Options) -> Outcome<Self> {
        let dir = options.dir.join(format!("veza-bench-storage-{}", std::process::id()));
        fs::create_dir_all(dir.join("served"))?;
        fs::write(dir.join("served/small"), "x")?;
        let key = dir.join("key");
        let secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        fs::write(&key, format!("first {secret}\n"))?;
        Command::new("chmod").arg("600").arg(&key).status()?;
        let cluster = Cluster::start(&Binaries::find(None)?, Settings::new(dir.join("postgres")))?;
        bootstrap(&cluster.url(SUPERUSER, SUPERUSER), "veza")?;
        Migrator::veza().run(&cluster.url("veza_owner", "veza"), |_| {})?;
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["app", &cluster.url("veza_app", "veza"), &port.to_string()]);
        command.arg(dir.join("files")).arg(&key);
        let veza = Server::start(&mut command, &dir.join("veza.log"), port, "/health", "X-A: b")?;
        let token = Self::organization(port)?;
        for (name, encryption) in [("plain", false), ("sealed", true)] {
            let body = format!(r#"{{"name":"{name}","settings":{{"encryption":{encryption}}}}}"#);
            client::call(port, "POST", "/v1/storage/buckets", &token, Some(&body))?;
        }
        Ok(Self { veza, token, dir, cluster: Some(cluster) })
    }

    fn organization(port: u16) -> Outcome<String> {
        let owner = r#"{"name":"Ada","email":"ada@bench.example","password":"correct horse battery"}"#;
        let body = format!(r#"{{"name":"bench","slug":"bench","owner":{owner}}}"#);
        client::call(port, "POST", "/v1/tenant/organizations", "", Some(&body))?;
        let body = r#"{"email":"ada@bench.example","password":"correct horse battery"}"#;
        let answer = client::call(port, "POST", "/v1/tenant/sessions", "", Some(body))?;
        let pair: serde_json::Value = serde_json::from_str(&answer.text)?;
        Ok(pair["access_token"].as_str().ok_or("no token")?.to_owned())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            let _ = cluster.stop(Duration::from_secs(10));
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}
