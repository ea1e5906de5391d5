//! A private PostgreSQL with tenants, rows and tokens in it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use uuid::Uuid;
use veza::core::db::bootstrap;
use veza::tenant::{NewOrganization, NewOwner, SignIn, Signup};
use veza::{Config, Platform};
use veza_postgres::{Binaries, Cluster, SUPERUSER, Settings};

use crate::Outcome;
use crate::app::{config, migrator};
use crate::options::Options;

pub const TENANTS: usize = 100;
const ROWS: usize = 1_000;
const LARGE: usize = 1_000_000;
/// Items of each tenant that are asked for.
const SAMPLE: usize = 50;
const DATABASE: &str = "veza";

pub struct Stage {
    pub cluster: Cluster,
    pub dir: Dir,
    pub tenants: Vec<Tenant>,
    /// For `load.lua`.
    pub requests: PathBuf,
    /// Verifies the tokens.
    pub public_key: String,
}

pub struct Tenant {
    pub id: Uuid,
    pub token: String,
    pub items: Vec<Uuid>,
}

/// Removed with everything in it.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new(parent: &Path) -> Outcome<Self> {
        let dir = parent.join(format!("veza-bench-{}", std::process::id()));
        fs::create_dir(&dir)?;
        // The database runs as another user when root starts it.
        fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(Self(dir))
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Stage {
    pub fn build(options: &Options) -> Outcome<Self> {
        let dir = Dir::new(&options.dir)?;
        // As it comes: durable.
        let cluster = Cluster::start(&Binaries::find(None)?, Settings::new(dir.join("postgres")))?;
        bootstrap(&cluster.url(SUPERUSER, SUPERUSER), DATABASE)?;
        migrator().run(&cluster.url("veza_owner", DATABASE), |_| {})?;
        let config = config(&cluster.url("veza_app", DATABASE), 0, options.pool);
        let runtime = tokio::runtime::Runtime::new()?;
        let (mut tenants, public_key) = runtime.block_on(organizations(config))?;
        fill(&cluster, &mut tenants, options.large)?;
        if options.large {
            // Asked alone: what is to be seen is the size of one tenant.
            tenants.drain(..TENANTS);
        }
        tenants.retain(|tenant| !tenant.items.is_empty());
        let mut lines = String::new();
        for Tenant { id, token, items } in &tenants {
            write!(lines, "{id} {token}")?;
            items.iter().try_for_each(|item| write!(lines, " {item}"))?;
            lines.push('\n');
        }
        let requests = dir.join("requests");
        fs::write(&requests, lines)?;
        Ok(Self { cluster, dir, tenants, requests, public_key })
    }

    pub fn url(&self) -> String {
        self.cluster.url("veza_app", DATABASE)
    }

    pub fn postgres(&self) -> u32 {
        self.cluster.pid().unsigned_abs()
    }

    /// Keeps the database until a line comes in.
    pub fn hold(&self) -> Outcome {
        println!("{}\n{}\n{}", self.url(), self.cluster.url(SUPERUSER, DATABASE), self.requests.display());
        std::io::stdin().read_line(&mut String::new())?;
        Ok(())
    }
}

/// Organisations with an owner each who has signed in; and the key of their tokens.
async fn organizations(config: Config) -> Outcome<(Vec<Tenant>, String)> {
    let platform = Platform::open(config, migrator(), None).await?;
    let mut tenants = Vec::new();
    // One more than is asked for: the large one.
    for n in 0..=TENANTS {
        let (email, password) = (format!("owner@tenant-{n}.example"), format!("correct horse {n}"));
        let owner = NewOwner { email: email.clone(), name: "Owner".to_owned(), password: password.clone() };
        let new = NewOrganization {
            name: format!("Tenant {n}"),
            slug: format!("tenant-{n}"),
            metadata: None,
            owner,
        };
        let created = platform.tenants.create_organization(&new, Signup::Operator, None).await?;
        let (organization, _) = created.value;
        let sign_in = SignIn { email, password, organization: None };
        let pair = platform.tenants.sign_in(&sign_in, Default::default(), None).await?;
        tenants.push(Tenant { id: organization.id.as_uuid(), token: pair.access_token, items: Vec::new() });
    }
    Ok((tenants, serde_json::to_string(&platform.tenants.jwks())?))
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
}

#[expect(clippy::disallowed_methods, reason = "past the tenant boundary, to fill the tables")]
fn fill(cluster: &Cluster, tenants: &mut [Tenant], large: bool) -> Outcome {
    let mut connection = PgConnection::establish(&cluster.url(SUPERUSER, DATABASE))?;
    for (n, tenant) in tenants.iter().enumerate() {
        let rows = match (n < TENANTS, large) {
            (true, _) => ROWS,
            (false, true) => LARGE,
            (false, false) => continue,
        };
        connection.batch_execute(&format!(
            "INSERT INTO bench.items SELECT '{id}', md5('{id}' || n)::uuid, \
             timestamptz '2026-01-01' + n * interval '1 minute', 'Item ' || n, repeat(md5(n::text), 3) \
             FROM generate_series(1, {rows}) AS n",
            id = tenant.id
        ))?;
    }
    connection.batch_execute("INSERT INTO bench.open_items SELECT * FROM bench.items")?;
    connection.batch_execute("VACUUM (ANALYZE) bench.items")?;
    connection.batch_execute("VACUUM (ANALYZE) bench.open_items")?;
    connection.batch_execute("CHECKPOINT")?;
    for tenant in tenants {
        let sample = format!(
            "SELECT id FROM bench.items WHERE tenant_id = '{}' ORDER BY md5(id::text) LIMIT {SAMPLE}",
            tenant.id
        );
        let ids: Vec<Id> = diesel::sql_query(sample).load(&mut connection)?;
        tenant.items = ids.into_iter().map(|row| row.id).collect();
    }
    Ok(())
}
