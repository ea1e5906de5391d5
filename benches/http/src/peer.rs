//! The sides of the comparison: how each is started.

use std::process::Command;

use crate::Outcome;
use crate::app::ISSUER;
use crate::options::Options;
use crate::process::{Server, free_port};
use crate::stage::Stage;

pub const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fastify");

/// One side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Side {
    pub name: &'static str,
    pub kind: Kind,
    pub access_log: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Veza,
    Fastify { round_trips: u8, guard: bool },
}

const fn fastify(name: &'static str, round_trips: u8, guard: bool, access_log: bool) -> Side {
    Side { name, kind: Kind::Fastify { round_trips, guard }, access_log }
}

/// All of them. The first is compared with the others.
pub const SIDES: [Side; 6] = [
    Side { name: "veza", kind: Kind::Veza, access_log: false },
    fastify("fastify", 4, false, false),
    fastify("fastify, 3 round trips", 3, false, false),
    fastify("fastify + tokens, limit", 4, true, false),
    Side { name: "veza + access log", kind: Kind::Veza, access_log: true },
    fastify("fastify + tokens, limit, access log", 4, true, true),
];

impl Side {
    /// `token` where tokens are verified, else `header`.
    pub fn credentials(&self) -> &'static str {
        match self.kind {
            Kind::Veza | Kind::Fastify { guard: true, .. } => "token",
            Kind::Fastify { .. } => "header",
        }
    }

    pub fn is_veza(&self) -> bool {
        self.kind == Kind::Veza
    }

    /// Starts it and waits for its first item.
    pub fn start(&self, options: &Options, stage: &Stage) -> Outcome<Server> {
        let port = free_port()?;
        let flag = |on| if on { "1" } else { "0" };
        let mut command = match self.kind {
            Kind::Veza => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["app", "--url", &stage.url(), "--port", &port.to_string()]);
                let log = if self.access_log { "info" } else { "info,veza_web::access=off" };
                command.args(["--pool", &options.pool.to_string(), "--log", log]);
                command
            }
            Kind::Fastify { round_trips, guard } => {
                let mut command = Command::new("node");
                command
                    .arg(format!("{DIR}/server.js"))
                    .env("NODE_ENV", "production")
                    .env("PROCESSES", "2")
                    .env("POOL", (options.pool / 2).to_string())
                    .env("PORT", port.to_string())
                    .env("PGHOST", stage.cluster.socket_dir())
                    .env("ROUND_TRIPS", round_trips.to_string())
                    .env("GUARD", flag(guard))
                    .env("LOG", flag(self.access_log))
                    .env("JWKS", &stage.public_key)
                    .env("ISSUER", ISSUER);
                command
            }
        };
        let log = stage.dir.join(&format!("{}.log", self.name));
        let (path, header) = self.example(stage)?;
        Server::start(&mut command, &log, port, &path, &header)
    }

    /// A request that has an answer.
    pub fn example(&self, stage: &Stage) -> Outcome<(String, String)> {
        let tenant = stage.tenants.first().ok_or("no tenant")?;
        let header = match self.credentials() {
            "token" => format!("Authorization: Bearer {}", tenant.token),
            _ => format!("X-Tenant-ID: {}", tenant.id),
        };
        Ok((format!("/v1/bench/items/{}", tenant.items.first().ok_or("no item")?), header))
    }
}

/// Installs the peer's packages when they are not there.
pub fn install() -> Outcome {
    if std::path::Path::new(DIR).join("node_modules/fastify").exists() {
        return Ok(());
    }
    let status = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(DIR).status()?;
    if status.success() { Ok(()) } else { Err("npm ci failed".into()) }
}
