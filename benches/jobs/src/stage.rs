//! A private PostgreSQL with a database for each contender.

use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double};
use uuid::Uuid;
use veza_core::db::{Migrator, bootstrap};
use veza_postgres::{Binaries, Cluster, SUPERUSER, Settings};

use crate::Outcome;

/// Veza's database.
pub const VEZA: &str = "veza";
/// The others'.
pub const PEERS: [&str; 3] = ["graphile", "boss", "pgmq"];

pub struct Stage {
    cluster: Cluster,
    pub dir: Dir,
}

/// Removed with everything in it.
pub struct Dir(PathBuf);

impl Dir {
    fn new(parent: &Path) -> Outcome<Self> {
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

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Float {
    #[diesel(sql_type = Double)]
    value: f64,
}

impl Stage {
    pub fn build(parent: &Path) -> Outcome<Self> {
        let dir = Dir::new(parent)?;
        // As it comes: durable, and the same for all.
        let cluster = Cluster::start(&Binaries::find(None)?, Settings::new(dir.join("postgres")))?;
        bootstrap(&cluster.url(SUPERUSER, SUPERUSER), VEZA)?;
        Migrator::veza().run(&cluster.url("veza_owner", VEZA), |_| {})?;
        let stage = Self { cluster, dir };
        for name in PEERS {
            stage.connect(SUPERUSER)?.batch_execute(&format!("CREATE DATABASE {name}"))?;
        }
        stage.connect("pgmq")?.batch_execute(include_str!("../pgmq/pgmq.sql"))?;
        stage.connect("pgmq")?.batch_execute("SELECT pgmq.create('noop')")?;
        Ok(stage)
    }

    pub fn url(&self, role: &str, database: &str) -> String {
        self.cluster.url(role, database)
    }

    /// A superuser's connection, past the tenant boundary.
    pub fn connect(&self, database: &str) -> Outcome<PgConnection> {
        self.connect_as(SUPERUSER, database)
    }

    #[expect(clippy::disallowed_methods, reason = "what is below the library is measured as well")]
    pub fn connect_as(&self, role: &str, database: &str) -> Outcome<PgConnection> {
        let mut connection = PgConnection::establish(&self.url(role, database))?;
        connection.batch_execute("SET client_min_messages = error")?;
        Ok(connection)
    }

    /// Nothing is left of what was measured before.
    pub fn clear(&self, database: &str) -> Outcome {
        let sql = match database {
            VEZA => {
                "TRUNCATE jobs.ready, jobs.deferred, jobs.leases, jobs.dead, jobs.done, jobs.unique_keys, \
                 jobs.cancellations, jobs.processes, jobs.deltas, jobs.counts, jobs.totals"
            }
            "graphile" => "TRUNCATE graphile_worker._private_jobs, graphile_worker._private_job_queues",
            "boss" => "TRUNCATE pgboss.job, pgboss.archive",
            _ => "SELECT pgmq.purge_queue('noop')",
        };
        Ok(self.connect(database)?.batch_execute(sql)?)
    }

    /// Everybody begins with statistics, and a checkpoint just over.
    pub fn settle(&self, database: &str) -> Outcome {
        let mut connection = self.connect(database)?;
        connection.batch_execute("VACUUM (ANALYZE)")?;
        Ok(connection.batch_execute("CHECKPOINT")?)
    }

    /// Jobs that wait or are under way.
    pub fn left(&self, database: &str) -> Outcome<i64> {
        let sql = match database {
            VEZA => "SELECT (SELECT count(*) FROM jobs.ready) + (SELECT count(*) FROM jobs.leases) AS value",
            "graphile" => "SELECT count(*) AS value FROM graphile_worker._private_jobs",
            "boss" => "SELECT count(*) AS value FROM pgboss.job WHERE name = 'noop' AND state < 'completed'",
            _ => "SELECT count(*) AS value FROM pgmq.q_noop",
        };
        let number: Number = diesel::sql_query(sql).get_result(&mut self.connect(database)?)?;
        Ok(number.value)
    }

    /// For how many transactions the oldest snapshot has been held.
    pub fn oldest_snapshot(&self, database: &str) -> Outcome<i64> {
        let sql = "SELECT coalesce(max(age(backend_xmin)), 0)::bigint AS value FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let number: Number = diesel::sql_query(sql).get_result(&mut self.connect(database)?)?;
        Ok(number.value)
    }

    /// Rows of Veza's queues that are deleted and still there, as PostgreSQL's statistics have it.
    pub fn dead_rows(&self) -> Outcome<i64> {
        let sql = "SELECT coalesce(sum(n_dead_tup), 0)::bigint AS value FROM pg_stat_user_tables \
                   WHERE schemaname = 'jobs'";
        let number: Number = diesel::sql_query(sql).get_result(&mut self.connect(VEZA)?)?;
        Ok(number.value)
    }

    /// Bytes of write-ahead log since the cluster was made.
    pub fn wal(&self) -> Outcome<f64> {
        let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::double precision AS value";
        let bytes: Float = diesel::sql_query(sql).get_result(&mut self.connect(SUPERUSER)?)?;
        Ok(bytes.value)
    }

    /// Gives one tenant of Veza waiting jobs, past the library because there may be a million.
    pub fn fill(&self, tenant: Uuid, queue: &str, kind: &str, payload: &str, jobs: usize) -> Outcome {
        const CHUNK: usize = 20_000;
        let mut connection = self.connect(VEZA)?;
        for from in (0..jobs).step_by(CHUNK) {
            let many = CHUNK.min(jobs - from);
            // Ids in the order of time, as the library makes them.
            connection.batch_execute(&format!(
                "SELECT jobs.enqueue('{tenant}', now(), array_agg((lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint \
                   + n / 4096), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0') || '8' || left(md5(n || '{tenant}'), 15))::uuid), \
                 array_agg('{queue}'::text), array_agg('{kind}'::text), array_agg('{payload}'::text), array_agg(0::smallint), \
                 array_agg((extract(epoch FROM now()) * 1000000)::bigint + n), array_agg(now()), array_agg(5::smallint), \
                 array_agg(300000), array_agg(false), array_agg(NULL::text), array_agg(NULL::text)) \
                 FROM generate_series(1, {many}) AS n"
            ))?;
        }
        Ok(())
    }
}
