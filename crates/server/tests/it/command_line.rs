//! What can be asked without a database.

use std::fs;

use serde_json::Value;
use veza_testing::TestDirectory;

use crate::process::{run, run_veza, veza};

#[test]
fn every_command_explains_itself() {
    for (arguments, needed) in [
        (
            &["--help"][..],
            &["veza up", "veza migrate", "In production", "VEZA_CONFIG", "tenant", "doctor"][..],
        ),
        (&["up", "--help"], &["--data", "VEZA_DATA", "/var/lib/veza", "--listen", "127.0.0.1:8080"]),
        (&["serve", "--help"], &["--role", "api", "worker", "all of it when absent"]),
        (&["migrate", "--help"], &["--admin-url", "VEZA_ADMIN_URL", "--database", "--check", "exit 1"]),
        (&["config", "--help"], &["check", "show", "schema", "reference"]),
        (&["config", "check", "--help"], &["--serving"]),
        (&["doctor", "--help"], &["--data"]),
        (&["tenant", "--help"], &["create", "list", "show", "suspend", "resume", "delete", "limit"]),
        (&["tenant", "create", "--help"], &["<SLUG>", "a-z", "--owner-email", "standard input"]),
        (&["tenant", "limit", "--help"], &["--requests-per-minute", "--max-members", "<ORGANIZATION>"]),
        (&["tenant", "suspend", "--help"], &["--reason", "<ORGANIZATION>"]),
        (
            &["jobs", "--help"],
            &["ls", "top", "retry", "redrive", "pause", "resume", "purge", "cancel", "limit"],
        ),
        (&["jobs", "ls", "--help"], &["--state dead --queue mail", "pull:NAME", "jq"]),
        (&["jobs", "redrive", "--help"], &["--per-minute 600", "after a restart", "--died-until"]),
        (&["jobs", "pause", "--help"], &["--tenant acme --queue reports", "--all", "What runs goes on"]),
        (&["jobs", "purge", "--help"], &["--dead", "--waiting", "--yes", "It asks first"]),
        (&["jobs", "limit", "--help"], &["--max-running 2", "--weight", "over all processes"]),
        (&["completions", "--help"], &["bash", "zsh", "fish"]),
    ] {
        let help = run_veza(arguments).expect(0).out;
        for needed in needed {
            assert!(help.contains(needed), "{arguments:?} says nothing of {needed}: {help}");
        }
    }
    assert!(run_veza(&["--version"]).expect(0).out.starts_with("veza 0."));
    assert_eq!(run_veza(&[]).code, 2);
    assert_eq!(run_veza(&["frobnicate"]).code, 2);
    let secret = run(veza(["migrate", "--help"]).env("VEZA_ADMIN_URL", "geheim")).expect(0);
    assert!(!secret.out.contains("geheim"));
}

#[test]
fn the_configuration_can_be_checked_and_shown_and_read_again() {
    assert_eq!(run_veza(&["config", "check"]).expect(0).out, "The configuration is in order.\n");
    run_veza(&["config", "check", "--serving"]).fails_with(&["database.url", "tenant.root_secret"]);

    let directory = TestDirectory::new();
    let secret = directory.path().join("secret");
    fs::write(&secret, "very geheim\n").unwrap();
    let shown = run(veza(["config", "show"])
        .env("VEZA_DATABASE__URL", "postgresql://veza_app:geheim@db/veza")
        .env("VEZA_TENANT__MAIL__SMTP_URL", "smtps://veza:geheim@mail")
        .env("VEZA_TENANT__ROOT_SECRET_FILE", &secret)
        .env("VEZA_DATABASE__POOL__CONNECTIONS", "17"));
    let shown = shown.expect(0).out;
    assert!(shown.contains("url = \"[secret]\"") && shown.contains("connections = 17"), "{shown}");
    assert!(!shown.contains("geheim"), "{shown}");

    let file = directory.path().join("veza.toml");
    fs::write(&file, &shown).unwrap();
    let path = file.to_str().unwrap();
    let mut again = crate::process::clean(env!("CARGO_BIN_EXE_veza"));
    // The same variables as at the first time are part of what is shown.
    again.args(["--config", path, "config", "show"]);
    assert_eq!(run(&mut again).expect(0).out, shown);
    run_veza(&["--config", path, "config", "check"]).expect(0);
    run_veza(&["--config", path, "config", "check", "--serving"]).fails_with(&["database.url", "[secret]"]);
    // The file in the current directory needs no name.
    let found = run(veza(["config", "show"]).current_dir(directory.path())).expect(0);
    assert!(found.out.contains("connections = 17"));
}

#[test]
fn the_schema_accepts_what_is_shown() {
    let schema: Value = serde_json::from_str(&run_veza(&["config", "schema"]).expect(0).out).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("2020-12"));
    let shown: toml::Table = run_veza(&["config", "show"]).expect(0).out.parse().unwrap();
    accepts(&schema, &schema, &serde_json::to_value(shown).unwrap(), "");
    let reference = run_veza(&["config", "reference"]).expect(0).out;
    for key in ["root_secret", "max_connections", "drain_notice", "otlp_endpoint", "## `[tenant.mail]`"] {
        assert!(reference.contains(key), "{key}");
    }
}

/// The part of JSON Schema that we use: references, properties, and that there are no others.
fn accepts(root: &Value, schema: &Value, value: &Value, path: &str) {
    let target = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    let schema = target.map_or(schema, |name| &root["$defs"][name]);
    if let Some(kind) = schema["type"].as_str() {
        let fits = match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            other => panic!("{path}: {other}"),
        };
        assert!(fits, "{path}: {value} is no {kind}");
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        assert!(schema["properties"][key].is_object(), "{path} is not in the schema");
        assert_eq!(schema["additionalProperties"], false, "{path}");
        accepts(root, &schema["properties"][key], value, &path);
    }
}

#[test]
fn shells_and_readers_are_served() {
    for shell in ["bash", "zsh", "fish"] {
        let completions = run_veza(&["completions", shell]).expect(0).out;
        assert!(completions.contains("veza") && completions.contains("suspend"), "{shell}");
    }
    let manual = run_veza(&["man"]).expect(0).out;
    assert!(manual.starts_with(".ie") || manual.contains(".TH veza"), "{manual}");
    assert!(manual.contains("migrate") && !manual.contains("Markdown"), "{manual}");
    for (command, needed) in
        [("errors", "tenant.organization.suspended"), ("metrics", "veza_web_panics_total")]
    {
        assert!(run_veza(&[command]).expect(0).out.contains(needed));
    }
    let schema = run_veza(&["schema"]).expect(0).out;
    assert!(schema.contains("CREATE TABLE tenant.organizations") && !schema.contains("\n-- Dumped"));
}

/// All files of a directory and those below it, as one text.
fn text_below(path: &std::path::Path) -> String {
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let text = |path: std::path::PathBuf| {
        if path.is_dir() { text_below(&path) } else { fs::read_to_string(path).unwrap_or_default() }
    };
    entries.map(text).collect()
}

#[test]
fn the_api_is_described_whole() {
    let document: Value = serde_json::from_str(&run_veza(&["openapi"]).expect(0).out).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let paths = document["paths"].as_object().unwrap();
    // Counted in the source, because what is registered and what is described must not part.
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let nouns =
        ["tenant", "jobs", "storage", "chat", "stream"].map(|noun| crates.join(noun).join("src/http"));
    let sources = [crates.join("web/src"), crates.join("server/src/page")].into_iter().chain(nouns);
    let text: String = sources.map(|path| text_below(&path)).collect();
    let mut routes = 0;
    for line in text.lines() {
        for method in ["get", "head", "post", "put", "patch", "delete", "options"] {
            let route =
                line.strip_prefix(&format!("#[{method}(\"")).and_then(|rest| rest.strip_suffix("\")]"));
            if let Some(path) = route {
                // A key may hold slashes: the document has no word for that.
                let path = path.replace(":.*}", "}");
                assert!(paths[&path][method].is_object(), "{method} {path} is not in the document");
                routes += 1;
            }
        }
    }
    let described: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
    assert!(routes > 30 && described == routes, "{described} described, {routes} in the source");
}
