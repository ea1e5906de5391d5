//! `veza migrate`.

use veza_postgres::{Binaries, Cluster, Durability, SUPERUSER, Settings};
use veza_testing::TestDirectory;

use crate::person::Person;
use crate::process::{Process, run, veza};
use crate::serve::{ROOT_SECRET, Serve, configured, database};

/// The lock that migrating programs hold, see `veza_core::db::migrate`.
const LOCK: i64 = 0x7665_7a61;

#[test]
fn two_at_once_take_turns() {
    let database = database();
    let mut superuser = database.superuser();
    superuser.execute("DELETE FROM core.migrations WHERE name = (SELECT max(name) FROM core.migrations)");
    run(&mut configured(&database, &["migrate", "--check"])).fails_with(&["1 migrations are pending"]);
    superuser.execute(&format!("SELECT pg_advisory_lock({LOCK})"));
    // Emptied, so that whoever comes first has work to do.
    superuser.execute("DROP SCHEMA IF EXISTS core, web, tenant, jobs, storage, chat, stream CASCADE");
    let mut both = [(); 2].map(|()| Process::spawn(&mut configured(&database, &["migrate"])));
    for process in &mut both {
        process.wait_for_log("another process migrates; waiting for it");
    }
    superuser.execute(&format!("SELECT pg_advisory_unlock({LOCK})"));
    let mut said = both.map(|process| process.end().expect(0).out);
    said.sort();
    assert!(said[0].starts_with("Applied ") && said[1] == "The schema was up to date.\n", "{said:?}");
    let checked = run(&mut configured(&database, &["migrate", "--check"])).expect(0);
    assert_eq!(checked.out, "The schema is up to date.\n");
}

#[test]
fn an_administrator_makes_all_of_it() {
    let directory = TestDirectory::new();
    let mut settings = Settings::new(directory.path().join("postgres"));
    settings.durability = Durability::Throwaway;
    let cluster = Cluster::start(&Binaries::find(None).unwrap(), settings).unwrap();
    let (admin, url) = (cluster.url(SUPERUSER, SUPERUSER), cluster.url("veza_app", "it's \"mine\""));
    let mut migrate = veza(["migrate", "--database", "it's \"mine\""]);
    migrate.env("VEZA_ADMIN_URL", &admin).env("VEZA_DATABASE__URL", &url);
    let first = run(&mut migrate).expect(0);
    assert!(first.out.contains("the schema is up to date"), "{}", first.out);
    assert_eq!(run(&mut migrate).expect(0).out, "The schema was up to date.\n");
    run(migrate.env_remove("VEZA_ADMIN_URL")).expect(0);
    let mut command = veza(["serve"]);
    let served = Serve::start(
        command
            .env("VEZA_DATABASE__URL", &url)
            .env("VEZA_TENANT__ROOT_SECRET", ROOT_SECRET)
            .env("VEZA_TENANT__OPEN_SIGNUP", "true")
            .env("VEZA_WEB__LISTEN", "[\"127.0.0.1:0\"]"),
    );
    Person::new(&served.client(), "made");
}

#[test]
fn errors_name_the_place_and_not_the_password() {
    for (url, said) in [
        ("postgresql://veza_app:geheim@127.0.0.1:1/veza", "127.0.0.1"),
        ("postgresql://veza_app:1@geheim@127.0.0.1:1/veza", "malformed"),
        ("postgres//veza_app:geheim@127.0.0.1/veza", "malformed"),
        ("postgresql://veza_app:geheim%zz@127.0.0.1:1/veza", "malformed"),
        ("host=127.0.0.1 port=1 password=geheim", "127.0.0.1"),
        ("geheim", "malformed"),
    ] {
        for arguments in [
            &["migrate"][..],
            &["migrate", "--check"],
            &["doctor"],
            &["tenant", "list"],
            &["migrate", "--admin-url", url],
        ] {
            let mut command = veza(arguments.iter().copied());
            command.env("VEZA_DATABASE__URL", url).env("VEZA_TENANT__ROOT_SECRET", ROOT_SECRET);
            let ended = run(&mut command);
            assert_eq!(ended.code, 1, "{arguments:?}");
            let text = ended.out + &ended.err;
            assert!(!text.contains("geheim"), "{arguments:?}: {text}");
            assert!(text.contains(said), "{arguments:?}: {text}");
        }
    }
    run(&mut veza(["migrate"])).fails_with(&["database.url is not set", "VEZA_DATABASE__URL"]);
}
