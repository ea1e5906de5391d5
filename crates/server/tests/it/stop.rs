//! `veza up`: stopping.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::person::{Person, me};
use crate::process::postmaster;
use crate::up::Home;

#[test]
fn everything_stops_and_the_data_stays() {
    let home = Home::used();
    let mut up = home.up();
    let person = Person::new(&up.client(), "kept");
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let postgres = postmaster(&home.data()).unwrap();
        let begin = Instant::now();
        up.process.signal(signal);
        let ended = up.process.end().expect(0);
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        assert!(!ended.err.contains("WARN") && !ended.err.contains("ERROR"), "{}", ended.err);
        assert!(!Path::new(&format!("/proc/{postgres}")).exists());
        assert!(!home.data().join("postgres.run/.s.PGSQL.5432").exists());
        assert!(!home.data().join("postgres/postmaster.pid").exists());
        up = home.up_at(&up.url);
        me(&person.client).expect(200);
        Person::sign_in(&up.client(), "kept");
    }
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    let home = Home::used();
    let up = home.up();
    up.process.signal(Signal::SIGINT);
    up.process.signal(Signal::SIGTERM);
    up.process.end().expect(0);
}
