//! `veza storage …` against a running `veza up`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use veza_testing::TestDirectory;

use crate::gate::Gate;
use crate::person::Person;
use crate::process::{Ended, run, veza, wait};
use crate::up::{Home, Up};

const KIB: usize = 1024;

struct Office {
    home: Home,
    up: Up,
    person: Person,
    directory: TestDirectory,
}

impl Office {
    fn new(slug: &str) -> Self {
        let home = Home::used();
        let up = home.up();
        let person = Person::new(&up.client(), slug);
        wait(person.client.post("/v1/storage/buckets", &json!({ "name": "files" }))).expect(201);
        Self { home, up, person, directory: TestDirectory::new() }
    }

    /// A client's command.
    fn storage(&self, arguments: &[&str]) -> Ended {
        let mut command = veza(["storage"]);
        command.args(arguments).env("VEZA_URL", &self.up.url).env("VEZA_API_KEY", self.person.token());
        run(command.current_dir(self.directory.path()))
    }

    /// The operator's.
    fn operate(&self, arguments: &[&str]) -> Ended {
        run(&mut self.home.command(&[&["storage"], arguments].concat()))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn directories_are_copied_there_and_back() {
    let office = Office::new("copies");
    let large: Vec<u8> = (0..3_000 * KIB).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
    let files = [("a.txt", &b"a"[..]), ("deep/b c.txt", b""), ("deep/é%?#.bin", &large)];
    for (name, bytes) in files {
        write(&office.path("photos").join(name), bytes);
    }
    office.storage(&["cp", "photos", "veza://files/x"]).fails_with(&["photos is a directory: say -r"]);
    let copied = lines(&office.storage(&["cp", "-r", "photos", "veza://files/2026", "--json"]).expect(0).out);
    assert_eq!(copied.len(), 3);
    let listed = lines(&office.storage(&["ls", "-r", "veza://files", "--json"]).expect(0).out);
    let keys: Vec<_> = listed.iter().map(|object| object["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["2026/a.txt", "2026/deep/b c.txt", "2026/deep/é%?#.bin"]);
    let shown = office.storage(&["ls", "veza://files/2026/"]).expect(0).out;
    assert!(shown.lines().nth(1).unwrap().ends_with("veza://files/2026/deep/"), "{shown}");
    let sum = lines(&office.storage(&["du", "veza://files/2026", "--json"]).expect(0).out);
    assert_eq!((&sum[0]["objects"], &sum[0]["bytes"]), (&json!(3), &json!(large.len() + 1)));
    office.storage(&["cp", "-r", "veza://files/2026", "back"]).expect(0);
    for (name, bytes) in files {
        assert!(fs::read(office.path("back").join(name)).unwrap() == bytes, "{name}");
    }
    assert_eq!(office.storage(&["ls"]).expect(0).out, "veza://files/\n");
}

#[test]
fn single_objects_are_copied_and_deleted() {
    let office = Office::new("single");
    write(&office.path("a.txt"), b"what is in it");
    office.storage(&["cp", "a.txt", "veza://files/folder/"]).expect(0);
    office.storage(&["cp", "veza://files/folder/a.txt", "veza://files/copy"]).expect(0);
    office.storage(&["cp", "veza://files/copy", "b.txt"]).expect(0);
    assert_eq!(fs::read(office.path("b.txt")).unwrap(), b"what is in it");
    office.storage(&["cp", "veza://files/absent", "c.txt"]).fails_with(&["storage.not_found"]);
    assert!(!office.path("c.txt").exists() && !office.path("c.txt.veza-part").exists());
    office.storage(&["rm", "veza://files/"]).fails_with(&["say -r"]);
    assert_eq!(office.storage(&["rm", "veza://files/copy"]).expect(0).out, "deleted veza://files/copy\n");
    office.storage(&["rm", "veza://files/copy"]).fails_with(&["veza://files/copy"]);
    office.storage(&["rm", "-r", "veza://files/folder"]).expect(0);
    assert_eq!(office.storage(&["ls", "veza://files"]).expect(0).out, "");
    let mut stranger = veza(["storage", "ls"]);
    stranger.env("VEZA_URL", &office.up.url);
    run(&mut stranger).fails_with(&["no API key"]);
    run(stranger.env("VEZA_API_KEY", "vz_live_nonsense")).fails_with(&["401"]);
}

#[test]
fn an_operator_audits_changes_the_root_key_and_destroys_keys() {
    let office = Office::new("operated");
    write(&office.path("a.txt"), b"a");
    office.storage(&["cp", "a.txt", "veza://files/a.txt"]).expect(0);
    let clean: Value = serde_json::from_str(&office.operate(&["audit"]).expect(0).out).unwrap();
    assert_eq!((&clean["blobs"], &clean["rows"]), (&json!(1), &json!(1)));
    let data = office.home.data();
    let blob =
        std::process::Command::new("find").arg(data.join("storage/blobs")).args(["-type", "f"]).output();
    let blob = String::from_utf8(blob.unwrap().stdout).unwrap();
    fs::copy(blob.trim(), data.join("kept")).unwrap();
    fs::remove_file(blob.trim()).unwrap();
    let found: Value = serde_json::from_str(&office.operate(&["audit"]).expect(1).out).unwrap();
    assert_eq!(found["missing"].as_array().unwrap().len(), 1);
    fs::create_dir_all(Path::new(blob.trim()).parent().unwrap()).unwrap();
    fs::rename(data.join("kept"), blob.trim()).unwrap();
    let again: Value = serde_json::from_str(&office.operate(&["rewrap-root"]).expect(0).out).unwrap();
    assert_eq!(again["keys"], 0, "there is one root key, and it wrapped all");
    let organization = wait(office.person.client.get("/v1/tenant/organization")).expect(200);
    let id = organization["id"].as_str().unwrap();
    office.operate(&["shred", "operated", "--confirm", "yes"]).fails_with(&["/confirm"]);
    let shredded: Value =
        serde_json::from_str(&office.operate(&["shred", "operated", "--confirm", id]).expect(0).out).unwrap();
    assert_eq!((&shredded["keys"], &shredded["contents"]), (&json!(1), &json!(1)));
    office.storage(&["cp", "veza://files/a.txt", "b.txt"]).fails_with(&["storage.object.shredded"]);
}

#[test]
fn an_upload_that_was_killed_goes_on_with_the_next_command() {
    let office = Office::new("killed");
    let bytes: Vec<u8> = (0..40_000 * KIB).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
    write(&office.path("large.bin"), &bytes);
    let gate = Gate::new(&office.up.url, 24_000 * KIB);
    let copy = || {
        let mut command = veza(["storage", "cp", "large.bin", "veza://files/large.bin", "--json"]);
        command.env("VEZA_URL", &gate.url).env("VEZA_API_KEY", office.person.token());
        command.env("XDG_STATE_HOME", office.path("state")).current_dir(office.directory.path());
        command
    };
    let mut killed = copy().spawn().unwrap();
    gate.wait_until_shut();
    killed.kill().unwrap();
    assert!(killed.wait().unwrap().code().is_none(), "it ended before it was killed");
    gate.open();
    let done = &lines(&run(&mut copy()).expect(0).out)[0];
    let resumed_at = done["resumed_at"].as_u64().unwrap();
    assert!(resumed_at >= 16 << 20, "what was acknowledged is not sent again: {done}");
    office.storage(&["cp", "veza://files/large.bin", "back.bin"]).expect(0);
    assert!(fs::read(office.path("back.bin")).unwrap() == bytes);
    assert_eq!(fs::read_dir(office.path("state/veza/uploads")).unwrap().count(), 0, "a note stays");
    // Another file is another upload, and so is the same one once more.
    assert_eq!(lines(&run(&mut copy()).expect(0).out)[0]["resumed_at"], 0);
}
