use super::{super::Connection, Setup, config, read, wrong};

#[test]
fn databases_lie_where_they_are_told() {
    assert_eq!(config("").backend.database.default, Connection::Memory);
    let setup = Setup::new(&[(
        "conf/a.yaml",
        "backend:
  database:
    client: better-sqlite3
    connection: { directory: ../db/./x }
    ensureExists: true
    plugin:
      todo: { client: sqlite, connection: ':memory:' }
      notes: { connection: { directory: /var/notes } }
      plain: {}
      empty:
",
    )]);
    let config = setup.load(&["conf/a.yaml"]).unwrap();
    let database = config.backend.database;
    let id = |id: &str| id.parse().unwrap();
    let default = Connection::Directory(setup.path().join("conf/../db/x"));
    assert_eq!(database.default, default);
    assert_eq!(database.of(&id("todo")), &Connection::Memory);
    assert_eq!(
        database.of(&id("notes")),
        &Connection::Directory("/var/notes".into())
    );
    for other in ["plain", "empty", "unnamed"] {
        assert_eq!(database.of(&id(other)), &default);
    }
    assert_eq!(
        config.plugins.state,
        setup.path().join("conf/../db/x/plugins.state")
    );
    assert_eq!(
        config.notes,
        ["keys of Backstage that are not used here: backend.database.ensureExists"]
    );
}

#[test]
fn refuses_databases_it_does_not_have() {
    for client in ["pg", "mysql2", "better-sqlite", "7"] {
        assert!(
            read(&format!("backend: {{ database: {{ client: {client} }} }}")).is_err(),
            "{client}"
        );
    }
    for connection in [
        "./x.sqlite",
        "{ filename: x }",
        "{}",
        "{ directory: '' }",
        "{ host: x }",
        "[]",
        "{ directory: ./a, host: x }",
    ] {
        let text =
            format!("backend: {{ database: {{ client: sqlite, connection: {connection} }} }}");
        assert!(read(&text).is_err(), "{connection}");
    }
    assert_eq!(
        wrong("backend: { database: { client: pg, connection: { host: x, password: y } } }"),
        "1:32: `backend.database.client`: Greenroom cannot use the database `pg` yet (not available)",
    );
    assert!(
        wrong("backend: { database: { plugin: { todo: { client: pg } } } }")
            .contains("plugin.todo.client")
    );
    assert!(wrong("backend: { database: { plugin: { Todo: {} } } }").contains("no plugin id"));
    assert!(wrong("backend: { database: { connecton: ':memory:' } }").contains("is not a key"));
}
