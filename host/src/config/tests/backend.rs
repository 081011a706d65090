use super::{
    super::{CacheStore, Listen},
    Setup, config, read, wrong,
};
use std::time::Duration;

fn listen(value: &str) -> String {
    config(&format!("backend: {{ listen: {value} }}"))
        .backend
        .listen
        .to_string()
}

#[test]
fn listens_where_it_is_told() {
    assert_eq!(config("").backend.listen.to_string(), "127.0.0.1:7007");
    for (value, wanted) in [
        ("':7008'", "127.0.0.1:7008"),
        ("7008", "127.0.0.1:7008"),
        ("'7008'", "127.0.0.1:7008"),
        ("':0'", "127.0.0.1:0"),
        ("0.0.0.0:7007", "0.0.0.0:7007"),
        ("localhost:1", "localhost:1"),
        ("'[::1]:65535'", "[::1]:65535"),
        ("{ port: 7008 }", "127.0.0.1:7008"),
        ("{ port: '7008' }", "127.0.0.1:7008"),
        ("{ host: 0.0.0.0 }", "0.0.0.0:7007"),
        ("{ host: '::1', port: 1 }", "[::1]:1"),
        ("{ host: '[::1]', port: 1 }", "[::1]:1"),
        ("~", "127.0.0.1:7007"),
    ] {
        assert_eq!(listen(value), wanted, "{value}");
    }
    for value in [
        "'x'",
        "':'",
        "':65536'",
        "':-1'",
        "'a:b'",
        "'::1:7'",
        "'[::1'",
        "'http://x:1'",
        "'*:1'",
        "'a b:1'",
        "true",
        "[1]",
        "{ port: x }",
        "{ host: '' }",
        "{ prt: 1 }",
    ] {
        assert!(
            read(&format!("backend: {{ listen: {value} }}")).is_err(),
            "{value}"
        );
    }
}

#[test]
fn says_when_only_this_machine_can_connect() {
    let noted = |text: &str| {
        config(text)
            .notes
            .iter()
            .any(|note| note.contains("only this machine"))
    };
    assert!(noted("backend: { listen: ':7007' }"));
    assert!(noted("backend: { listen: { port: 7007 } }"));
    assert!(!noted("backend: { listen: '127.0.0.1:7007' }"));
    assert!(!noted(""));
}

#[test]
fn an_address_on_the_command_line_reads_the_same() {
    assert_eq!(
        "[::1]:0".parse(),
        Ok(Listen {
            host: "::1".into(),
            port: 0
        })
    );
    assert_eq!(
        ":80".parse(),
        Ok(Listen {
            host: "127.0.0.1".into(),
            port: 80
        })
    );
    assert!("".parse::<Listen>().is_err());
}

#[test]
fn chooses_where_keyvalue_data_lies() {
    assert_eq!(config("").backend.cache, CacheStore::Sqlite);
    assert_eq!(
        config("backend: { cache: { store: sqlite } }")
            .backend
            .cache,
        CacheStore::Sqlite
    );
    let memory = config("backend: { cache: { store: memory, defaultTtl: 5 } }");
    assert_eq!(memory.backend.cache, CacheStore::Memory);
    assert!(
        memory
            .notes
            .iter()
            .any(|note| note.contains("Idempotency-Key"))
    );
    for bad in ["redis", "valkey", "memcache", "x", "1"] {
        assert!(
            read(&format!("backend: {{ cache: {{ store: {bad} }} }}")).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn reads_how_long_values_live_by_default() {
    let ttl = |value: &str| {
        config(&format!("backend: {{ cache: {{ defaultTtl: {value} }} }}"))
            .backend
            .cache_ttl
    };
    assert_eq!(config("").backend.cache_ttl, None);
    for (value, millis) in [
        ("5000", 5000),
        ("'5000'", 5000),
        ("1", 1),
        ("10m", 600_000),
        ("1m30s", 90_000),
        ("{ minutes: 1, seconds: 30 }", 90_000),
    ] {
        assert_eq!(ttl(value), Some(Duration::from_millis(millis)), "{value}");
    }
    for never in ["0", "'0'", "0s", "{}", "~"] {
        assert_eq!(ttl(never), None, "{never}");
    }
    for (value, says) in [
        ("-1", "too short"),
        ("1.5", "not a whole number"),
        ("5 minutes", "no such unit"),
        ("3651d", "too long"),
        ("9999999999999999", "too long"),
        ("true", "not true or false"),
        ("[1]", "not a list"),
        ("{ minuts: 1 }", "is not a key"),
    ] {
        let error = wrong(&format!("backend: {{ cache: {{ defaultTtl: {value} }} }}"));
        assert!(error.contains(says), "{value}: {error}");
    }
    let noted = |text: &str| {
        let notes = config(text).notes;
        notes.iter().any(|note| note.contains("ends 10m after"))
    };
    assert!(noted("backend: { cache: { defaultTtl: 10m } }"));
    assert!(!noted("backend: { cache: { defaultTtl: 0 } }"));
}

#[test]
fn the_socket_lies_beside_the_first_file() {
    let setup = Setup::new(&[
        ("a/one.yaml", ""),
        ("b/two.yaml", "backend: { admin: { socket: run/x.sock } }"),
        (
            "long.yaml",
            &format!("backend: {{ admin: {{ socket: /{} }} }}", "x".repeat(107)),
        ),
        (
            "fits.yaml",
            &format!("backend: {{ admin: {{ socket: /{} }} }}", "x".repeat(106)),
        ),
    ]);
    assert_eq!(
        setup.load(&["a/one.yaml"]).unwrap().backend.admin_socket,
        setup.path().join("a/greenroom.sock")
    );
    let both = setup.load(&["a/one.yaml", "b/two.yaml"]).unwrap();
    assert_eq!(both.backend.admin_socket, setup.path().join("b/run/x.sock"));
    assert!(setup.load(&["fits.yaml"]).is_ok());
    let error = setup.load(&["long.yaml"]).unwrap_err().to_string();
    assert!(
        error.contains("takes at most 107 bytes, this one has 108"),
        "{error}"
    );
    assert!(read("backend: { admin: { port: 1 } }").is_err());

    let deep = "d".repeat(100);
    let setup = Setup::new(&[(&format!("{deep}/app-config.yaml"), "")]);
    let error = setup
        .load(&[&format!("{deep}/app-config.yaml")])
        .unwrap_err();
    assert!(
        error
            .render()
            .contains("set `backend.admin.socket` to a shorter path"),
        "{}",
        error.render()
    );
}

#[test]
fn reads_the_lifecycle() {
    let backend = config("").backend;
    assert_eq!(backend.startup_pause, Duration::from_secs(5));
    assert_eq!(backend.shutdown_timeout, Duration::from_secs(10));
    let backend = config(
        "backend: { lifecycle: { startupRequestPauseTimeout: { seconds: 1, milliseconds: 5 }, serverShutdownTimeout: 1m30s, serverShutdownDelay: 2s } }",
    );
    assert_eq!(
        backend.notes,
        ["keys of Backstage that are not used here: backend.lifecycle.serverShutdownDelay"]
    );
    let backend = backend.backend;
    assert_eq!(backend.startup_pause, Duration::from_millis(1005));
    assert_eq!(backend.shutdown_timeout, Duration::from_secs(90));
    for bad in [
        "10",
        "{ second: 1 }",
        "{ seconds: x }",
        "2h",
        "'-1s'",
        "true",
        "[]",
    ] {
        assert!(
            read(&format!(
                "backend: {{ lifecycle: {{ serverShutdownTimeout: {bad} }} }}"
            ))
            .is_err(),
            "{bad}"
        );
    }
}

#[test]
fn refuses_what_would_be_served_without_tls() {
    for value in ["true", "{ certificate: {} }", "x"] {
        assert!(
            wrong(&format!("backend: {{ https: {value} }}")).contains("does not serve TLS yet"),
            "{value}"
        );
    }
    assert!(config("backend: { https: false }").notes.is_empty());
}

#[test]
fn bodies_of_all_clients_have_a_bound() {
    assert_eq!(config("").backend.bodies, 512 << 20);
    let two = config("backend: { bodies: 2GiB }");
    assert_eq!(two.backend.bodies, 2 << 30);
    assert_eq!(two.notes, Vec::<String>::new());
    for bad in ["1023KiB", "2TiB", "much", "true", "[]"] {
        let message = wrong(&format!("backend: {{ bodies: {bad} }}"));
        assert!(message.contains("backend.bodies"), "{bad}: {message}");
    }
}
