use super::{Setup, config, pairs, read, wrong};
use std::{path::PathBuf, time::Duration};

const MIB: u64 = 1 << 20;

fn entry(keys: &str) -> crate::config::Plugin {
    config(&format!("plugins: {{ todo: {{ {keys} }} }}"))
        .plugins
        .of(&"todo".parse().unwrap())
}

fn refused(keys: &str) -> String {
    wrong(&format!("plugins: {{ todo: {{ {keys} }} }}"))
}

#[test]
fn an_empty_configuration_is_all_defaults() {
    let setup = Setup::new(&[("app-config.yaml", "# nothing\n")]);
    let config = setup.load(&[]).unwrap();
    assert_eq!(config.plugins.directory, setup.path().join("plugins"));
    assert_eq!(
        config.plugins.state,
        setup.path().join(".greenroom/plugins.state")
    );
    assert_eq!(
        config.plugins.cache,
        PathBuf::from("/home/jane/.cache/greenroom")
    );
    assert_eq!(
        (config.engine.max_instances, config.engine.max_memory),
        (1000, 128 * MIB)
    );
    assert!(config.notes.is_empty());
    let plugin = config.plugins.of(&"any".parse().unwrap());
    assert_eq!(plugin.limits.memory, 128 * MIB);
    assert!(
        !plugin.required && !plugin.open && plugin.component.is_none() && plugin.probe.is_none()
    );
}

#[test]
fn the_cache_follows_the_environment() {
    let cache = |setup: Setup| setup.load(&[]).unwrap().plugins.cache;
    let empty = || Setup::new(&[("app-config.yaml", "")]);
    assert_eq!(
        cache(empty().with("XDG_CACHE_HOME", "/c")),
        PathBuf::from("/c/greenroom")
    );
    assert_eq!(
        cache(empty().with("XDG_CACHE_HOME", "relative")),
        PathBuf::from("/home/jane/.cache/greenroom")
    );
    let mut homeless = empty();
    homeless.env.clear();
    let wanted = homeless.path().join(".greenroom/cache");
    assert_eq!(cache(homeless), wanted);
}

#[test]
fn folders_are_relative_to_the_file_that_names_them() {
    let setup = Setup::new(&[
        (
            "a/one.yaml",
            "plugins: { directory: ./p, todo: { component: x.wasm } }",
        ),
        (
            "b/two.yaml",
            "plugins: { state: s, cache: /var/c, notes: { component: ../n.wasm } }",
        ),
    ]);
    let plugins = setup.load(&["a/one.yaml", "b/two.yaml"]).unwrap().plugins;
    assert_eq!(plugins.directory, setup.path().join("a/p"));
    assert_eq!(plugins.state, setup.path().join("b/s"));
    assert_eq!(plugins.cache, PathBuf::from("/var/c"));
    assert_eq!(
        plugins.of(&"todo".parse().unwrap()).component,
        Some(setup.path().join("a/x.wasm"))
    );
    assert_eq!(
        plugins.of(&"notes".parse().unwrap()).component,
        Some(setup.path().join("b/../n.wasm"))
    );
}

#[test]
fn folders_keep_apart() {
    assert!(
        wrong("plugins: { directory: ./a, state: a }")
            .contains("`plugins.state` is the same folder")
    );
    assert!(
        wrong("plugins: { cache: ./plugins/. }").contains("`plugins.cache` is the same folder")
    );
}

#[test]
fn reads_every_key_of_a_plugin() {
    let plugin = entry(
        "required: true, access: open, probe: '/health?x=1', keyvalue: { idempotency: { ttl: 24h }, b.c_d-1: { ttl: { minutes: 2 } }, kept: { ttl: never }, none: {} }",
    );
    assert!(plugin.required && plugin.open);
    assert_eq!(plugin.probe.as_deref(), Some("/health?x=1"));
    let ttls: Vec<_> = (plugin.keyvalue_ttl.iter())
        .map(|(bucket, ttl)| (bucket.as_str(), *ttl))
        .collect();
    assert_eq!(
        ttls,
        [
            ("b.c_d-1", Some(Duration::from_secs(120))),
            ("idempotency", Some(Duration::from_secs(86_400))),
            ("kept", None),
        ]
    );
    for bad in [
        "required: 1",
        "required: 'yes'",
        "access: closed",
        "access: true",
        "probe: health",
        "probe: '/a b'",
        "probe: '/#x'",
        "keyvalue: { A: { ttl: 1s } }",
        "keyvalue: { a: { ttl: 1 } }",
        "keyvalue: { a: { ttl: 999ms } }",
        "keyvalue: { a: { ttl: 3651d } }",
        "keyvalue: { a: { ttl: Never } }",
        "keyvalue: { a: { ttl: [1s] } }",
        "keyvalue: { a: { tll: 1s } }",
        "keyvalue: { a: 1s }",
        "keyvalue: []",
        "component: 1",
        "component: ''",
        "compnent: x",
        "limits: 1",
        "config: x",
        "config: [1]",
    ] {
        refused(bad);
    }
}

#[test]
fn reads_every_limit() {
    let limits = entry(
        "limits: { memory: 256MiB, timeout: 1s, chunkTimeout: 2s, streamTimeout: 3m, body: 2MiB, buffer: 64KiB, \
         concurrency: 5, queue: 0, queueTimeout: 500ms, holdTimeout: 1s, streams: 7, maxRequestsPerInstance: 1, \
         instanceIdle: 5m, migrationTimeout: 1h, \
         sql: { timeout: 1s, rows: 10, result: 1MiB, value: 64KiB, statement: 2KiB, parameters: 9, batch: 8, \
         database: 2GiB, transactionIdle: 2s, transactionTime: 7s }, \
         keyvalue: { key: 512, value: 1MiB, buckets: 3, keys: 7, total: 10MiB, memory: 2MiB } }",
    )
    .limits;
    let seconds = Duration::from_secs;
    assert_eq!(
        (limits.memory, limits.body, limits.buffer),
        (256 * MIB, 2 * MIB, 64 << 10)
    );
    assert_eq!(
        (limits.timeout, limits.chunk_timeout, limits.stream_timeout),
        (seconds(1), seconds(2), seconds(180))
    );
    assert_eq!(
        (
            limits.concurrency,
            limits.queue,
            limits.streams,
            limits.max_requests_per_instance
        ),
        (5, 0, 7, 1)
    );
    assert_eq!(
        (limits.queue_timeout, limits.hold_timeout),
        (Duration::from_millis(500), seconds(1))
    );
    assert_eq!(
        (limits.instance_idle, limits.migration_timeout),
        (seconds(300), seconds(3600))
    );
    let sql = limits.sql;
    assert_eq!(
        (sql.timeout, sql.transaction_idle, sql.transaction_time),
        (seconds(1), seconds(2), seconds(7))
    );
    assert_eq!(
        (sql.rows, sql.result, sql.value, sql.statement),
        (10, MIB, 64 << 10, 2048)
    );
    assert_eq!(
        (sql.parameters, sql.batch, sql.database),
        (9, 8, 2048 * MIB)
    );
    let kv = limits.keyvalue;
    assert_eq!(
        (kv.key, kv.value, kv.buckets, kv.keys, kv.total, kv.memory),
        (512, MIB, 3, 7, 10 * MIB, 2 * MIB)
    );
}

#[test]
fn limits_have_bounds() {
    for (limit, says) in [
        (
            "memory: 64KiB",
            "takes a size from 1MiB to 4GiB (too small)",
        ),
        ("memory: 5GiB", "takes a size from 1MiB to 4GiB (too large)"),
        ("memory: 128MB", "(the units are KiB, MiB and GiB)"),
        ("memory: -1", "takes a size"),
        ("memory: 1.5", "takes a size"),
        ("memory: true", "takes a size"),
        ("timeout: 1ms", "takes a time from 10ms to 1h (too short)"),
        ("timeout: 2h", "(too long)"),
        ("timeout: 10", "(say the unit, as in `10s`)"),
        ("timeout: 10sec", "(no such unit: ms, s, m, h or d)"),
        (
            "concurrency: 0",
            "takes a whole number from 1 to 10000 (too small)",
        ),
        ("concurrency: 1.0", "(not a whole number)"),
        ("concurrency: []", "not a list"),
        ("queue: -1", "(too small)"),
        ("sql: { parameters: 40000 }", "from 1 to 32766 (too large)"),
        ("sql: { rows: 0 }", "(too small)"),
        ("sql: { timout: 1s }", "is not a key"),
        ("keyvalue: { buckets: 0 }", "(too small)"),
        ("keyvalue: { key: 1MiB }", "(too large)"),
        ("keyvalue: { keys: 0 }", "(too small)"),
        ("keyvalue: { memory: 1KiB }", "(too small)"),
        ("memry: 1", "is not a key"),
    ] {
        let error = refused(&format!("limits: {{ {limit} }}"));
        assert!(error.contains(says), "{limit}: {error}");
    }
}

#[test]
fn limits_fit_each_other() {
    for (limits, says) in [
        (
            "buffer: 2MiB",
            "`plugins.todo.limits.buffer` is more than `body`, which is 1MiB",
        ),
        (
            "sql: { value: 2MiB, result: 1MiB }",
            "limits.sql.value` is more than `result`, which is 1MiB",
        ),
        (
            "keyvalue: { value: 2MiB, total: 1MiB }",
            "limits.keyvalue.value` is more than `total`",
        ),
        (
            "concurrency: 2000",
            "limits.concurrency` is more than `engine.maxInstances`, which is 1000",
        ),
    ] {
        let error = refused(&format!("limits: {{ {limits} }}"));
        assert!(error.contains(says), "{error}");
    }
    // A default is never at odds with what is set.
    assert_eq!(entry("limits: { body: 64KiB }").limits.buffer, 256 << 10);
    assert_eq!(
        entry("limits: { buffer: 2MiB, body: 2MiB }").limits.buffer,
        2 << 20
    );
}

#[test]
fn the_engine_bounds_memory() {
    let largest =
        config("plugins: { a: { limits: { memory: 512MiB } }, b: { limits: { memory: 1MiB } } }");
    assert_eq!(largest.engine.max_memory, 512 * MIB);
    let small = config("engine: { maxMemory: 32MiB, maxInstances: 10 }\nplugins: { a: {} }");
    assert_eq!(
        (small.engine.max_instances, small.engine.max_memory),
        (10, 32 * MIB)
    );
    for id in ["a", "b"] {
        assert_eq!(
            small.plugins.of(&id.parse().unwrap()).limits.memory,
            32 * MIB
        );
    }
    let error =
        wrong("engine: { maxMemory: 32MiB }\nplugins: { a: { limits: { memory: 64MiB } } }");
    assert!(
        error.contains("`plugins.a.limits.memory` is more than `engine.maxMemory`, which is 32MiB"),
        "{error}"
    );
    for bad in ["maxMemory: 1KiB", "maxInstances: 0", "maxinstances: 5"] {
        assert!(read(&format!("engine: {{ {bad} }}")).is_err(), "{bad}");
    }
}

#[test]
fn settings_become_flat_texts() {
    let setup = Setup::new(&[(
        "app-config.yaml",
        "plugins:
  todo:
    config:
      greeting: Hello ${NAME}
      literal: $${NAME}
      price: 1.10
      hex: 0x10
      big: 99999999999999999999
      on: true
      nothing: ~
      gone: {}
      deep: { er: { still: 1 }, dotted.key: x }
      list: [1, 1.5, two, ~, true, { a: '${NAME}' }, []]
      text: |
        two
        lines
",
    )])
    .with("NAME", "Jane");
    assert_eq!(
        pairs(&setup.settings()),
        [
            ("big", "99999999999999999999"),
            ("deep.dotted.key", "x"),
            ("deep.er.still", "1"),
            ("greeting", "Hello Jane"),
            ("hex", "16"),
            ("list", r#"[1,1.5,"two",null,true,{"a":"Jane"},[]]"#),
            ("literal", "${NAME}"),
            ("on", "true"),
            ("price", "1.10"),
            ("text", "two\nlines\n"),
        ]
    );
}

#[test]
fn settings_are_not_guessed_at() {
    assert!(
        refused("config: { a.b: 1, a: { b: 2 } }").contains("the setting `a.b` is there twice")
    );
    assert!(refused("config: { a: '${b c}' }").contains("`b c` names no variable"));
}

#[test]
fn ids_are_checked() {
    for (text, says) in [
        ("plugins: { Todo: {} }", "no plugin id"),
        ("plugins: { a_b: }", "no plugin id"),
        ("plugins: { Directory: ./x }", "no plugin id"),
        ("plugins: { directry: ./x }", "takes a map"),
        (
            "plugins: { cache: { required: true } }",
            "takes a folder, not a map",
        ),
        ("plugins: [todo]", "takes a map, not a list"),
        ("plugins: { todo: true }", "takes a map, not true or false"),
    ] {
        let error = wrong(text);
        assert!(error.contains(says), "{text}: {error}");
    }
    assert!(
        read("plugins: { Directory: ./x }")
            .unwrap_err()
            .render()
            .contains("did you mean `directory`?")
    );
}
