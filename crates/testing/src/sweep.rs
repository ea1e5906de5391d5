//! Databases that nobody needs any more. Tests drop nothing: DROP costs as much as CREATE.

use std::path::Path;
use std::thread;

use crate::cluster;
use crate::superuser::Superuser;

/// This many databases (10 MB each) may stay.
const KEPT: usize = 100;

/// The name of a clone tells whose it is, and that it may go when that process is gone.
pub(crate) const CLONE: &str = "veza_clone_";

/// Drops clones of ended test programs and histories that nobody uses, when there are many. The
/// caller holds the lock of the setup; `current` is the history in use.
pub(crate) fn sweep(superuser: &mut Superuser, current: &str) {
    let list = superuser.text("SELECT string_agg(datname, ' ') FROM pg_database WHERE datname ~ '^veza_'");
    let names = list.unwrap_or_default();
    let names: Vec<&str> = names.split_whitespace().collect();
    if names.len() <= KEPT {
        return;
    }
    let (clones, histories): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.starts_with(CLONE));
    // Each DROP waits for a checkpoint; no test should. What is left when this process ends, the next
    // one sweeps.
    let dead: Vec<String> = clones.into_iter().filter(|name| !is_alive(name)).map(str::to_owned).collect();
    thread::spawn(move || {
        let mut superuser = cluster::database("postgres").superuser();
        for name in dead {
            superuser.attempt(&format!("DROP DATABASE IF EXISTS {name}"));
        }
    });
    for name in histories.into_iter().filter(|name| !name.contains(current)) {
        // `veza_<hash>`, then the template made of it: a program that may still clone the template
        // holds a connection to the other, which cannot be dropped then.
        let Some(shared) = name.strip_suffix("_template") else { continue };
        if superuser.attempt(&format!("DROP DATABASE IF EXISTS {shared}")) {
            superuser.execute(&format!("ALTER DATABASE {name} IS_TEMPLATE false"));
            superuser.execute(&format!("DROP DATABASE {name}"));
        }
    }
}

/// `veza_clone_<process>_<number>`
fn is_alive(name: &str) -> bool {
    let process = name.strip_prefix(CLONE).and_then(|rest| rest.split('_').next());
    process.is_none_or(|process| Path::new("/proc").join(process).exists())
}
