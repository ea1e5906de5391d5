//! A private PostgreSQL with rooms in it.

use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use uuid::Uuid;
use veza_core::db::{Migrator, bootstrap};
use veza_postgres::{Binaries, Cluster, SUPERUSER, Settings};

use crate::Outcome;

const VEZA: &str = "veza";
/// Tenants, and rooms of each.
pub const TENANTS: u128 = 20;
pub const ROOMS: u128 = 25;

pub struct Stage {
    cluster: Cluster,
    dir: PathBuf,
}

/// The tenant and the room of those who hear each other.
pub const TENANT: Uuid = Uuid::from_u128(0x4_0000);
pub const TENANT_ROOM: Uuid = Uuid::from_u128(0x5_0000);

/// Somebody there: who sends is a member, and others read, as everybody may in a public room.
pub fn member(number: u64) -> Uuid {
    Uuid::from_u128(0x6_0000_0000 + u128::from(number))
}

/// A room, and its one member, who is its owner.
#[derive(Clone, Copy)]
pub struct Place {
    pub tenant: Uuid,
    pub room: Uuid,
    pub member: Uuid,
}

/// The rooms, tenants in turn.
pub fn places() -> Vec<Place> {
    let place = |n: u128| Place {
        tenant: Uuid::from_u128(0x1_0000 + n % TENANTS),
        room: Uuid::from_u128(0x2_0000 + n),
        member: Uuid::from_u128(0x3_0000 + n),
    };
    (0..TENANTS * ROOMS).map(place).collect()
}

impl Stage {
    pub fn build(parent: &Path) -> Outcome<Self> {
        let dir = parent.join(format!("veza-bench-{}", std::process::id()));
        fs::create_dir(&dir)?;
        // The database runs as another user when root starts it.
        fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let cluster = Cluster::start(&Binaries::find(None)?, Settings::new(dir.join("postgres")))?;
        bootstrap(&cluster.url(SUPERUSER, SUPERUSER), VEZA)?;
        Migrator::veza().run(&cluster.url("veza_owner", VEZA), |_| {})?;
        Ok(Self { cluster, dir })
    }

    pub fn url(&self, role: &str) -> String {
        self.cluster.url(role, VEZA)
    }

    #[expect(clippy::disallowed_methods, reason = "what is below the library is measured as well")]
    pub fn connect(&self, role: &str) -> Outcome<PgConnection> {
        Ok(PgConnection::establish(&self.url(role))?)
    }

    /// Empty rooms, statistics, and a checkpoint just over.
    pub fn clear(&self) -> Outcome {
        let mut connection = self.connect(SUPERUSER)?;
        connection.batch_execute(
            "TRUNCATE chat.rooms, chat.members, chat.events, chat.sends, chat.message_states",
        )?;
        let places: Vec<String> = places()
            .iter()
            .map(|Place { tenant, room, member }| {
                format!("('{tenant}'::uuid, '{room}'::uuid, '{member}'::uuid)")
            })
            .collect();
        connection.batch_execute(&format!(
            "CREATE TEMPORARY TABLE places (t, r, m) AS VALUES {}; \
             INSERT INTO chat.rooms (tenant_id, room_id, kind, name, created_by, created_at, updated_at) \
             SELECT t, r, 'private', 'x', m, now(), now() FROM places; \
             INSERT INTO chat.members SELECT t, r, m, 'owner', now(), 0, 0 FROM places",
            places.join(", ")
        ))?;
        connection.batch_execute(&format!(
            "INSERT INTO chat.rooms (tenant_id, room_id, kind, name, created_by, created_at, updated_at) \
             VALUES ('{TENANT}', '{TENANT_ROOM}', 'public', 'x', '{TENANT}', now(), now()); \
             INSERT INTO chat.members \
             SELECT '{TENANT}', '{TENANT_ROOM}', ('00000000-0000-0000-0000-' || lpad(to_hex(25769803776 + n), 12, '0'))::uuid, 'member', now(), 0, 0 \
             FROM generate_series(0, 20000) AS n"
        ))?;
        connection.batch_execute("VACUUM (ANALYZE) chat.rooms, chat.members, chat.events, chat.sends")?;
        Ok(connection.batch_execute("CHECKPOINT")?)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
