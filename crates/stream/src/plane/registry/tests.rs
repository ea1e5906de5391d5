//! Sessions that are taken, and those that are not.

use veza_core::{Clock, SystemClock, SystemRandom};

use super::*;

fn session(role: NewRole) -> NewSession {
    let id = SessionId::generate(SystemClock.now(), &SystemRandom);
    let credentials = Credentials { ufrag: id.to_string(), pwd: String::new() };
    let (local, remote) = (credentials.clone(), credentials);
    let agreed = Agreed { local, remote, fingerprints: Vec::new(), tracks: Vec::new() };
    NewSession { id, agreed, role }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "any moment will do")]
fn viewers_are_refused_when_there_is_no_time_for_them() {
    let (load, until) = (Arc::new(Load::default()), Instant::now());
    let config = PlaneConfig { max_viewers: Some(2), ..PlaneConfig::default() };
    let registry = Registry::new(&config, Arc::clone(&load));
    let publisher = session(NewRole::Publish(Vec::new()));
    let source = publisher.id;
    registry.add(publisher, until).unwrap();
    let viewer = || session(NewRole::Watch(source, Vec::new()));
    load.set(1, true);
    assert!(matches!(registry.add(viewer(), until), Err(PlaneError::Overloaded)));
    registry.add(session(NewRole::Publish(Vec::new())), until).expect("publishers are few");
    load.set(1, false);
    let (one, two) = (viewer(), viewer());
    let gone = one.id;
    registry.add(one, until).unwrap();
    registry.add(two, until).unwrap();
    assert!(matches!(registry.add(viewer(), until), Err(PlaneError::Overloaded)));
    registry.remove(gone).unwrap();
    registry.add(viewer(), until).unwrap();
}
