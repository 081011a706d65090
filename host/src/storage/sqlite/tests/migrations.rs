//! Migrations: all or nothing, additive ones held to it, rebuilds that lose no rows.

use super::*;
use crate::storage::{Migration, MigrationError, Plan};

fn migration(version: u32, additive: bool, text: &str) -> Migration {
    Migration {
        version,
        name: format!("step {version}"),
        sql: text.into(),
        additive,
    }
}

async fn migrate(t: &Fixture, list: &[Migration]) -> Result<(), MigrationError> {
    t.db.migrate(list, Duration::from_secs(60)).await
}

fn first() -> Migration {
    migration(
        1,
        true,
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);\r\n\
         CREATE TABLE child (parent INTEGER NOT NULL REFERENCES parent ON DELETE CASCADE);\r\n\
         CREATE INDEX child_parent ON child (parent); -- the end",
    )
}

#[tokio::test]
async fn pending_migrations_run_once() {
    let t = Fixture::new().await;
    let list = [
        first(),
        migration(
            2,
            true,
            "ALTER TABLE parent ADD COLUMN note TEXT; INSERT INTO parent VALUES (1, 'a', 'b')",
        ),
    ];
    assert_eq!(t.db.plan(&list).await, Ok(Plan::Additive(list.to_vec())));
    migrate(&t, &list).await.unwrap();
    assert_eq!(t.db.plan(&list).await, Ok(Plan::UpToDate));
    assert_eq!(
        t.db.plan(&list[..1]).await,
        Ok(Plan::UpToDate),
        "the newer one is additive"
    );
    assert_eq!(
        t.rows("SELECT * FROM parent").await.columns,
        ["id", "name", "note"]
    );
    let mut other_line_ends = list.clone();
    other_line_ends[0].sql = other_line_ends[0].sql.replace("\r\n", "\n");
    assert_eq!(t.db.plan(&other_line_ends).await, Ok(Plan::UpToDate));
    other_line_ends[0].sql.push(' ');
    assert_eq!(
        t.db.plan(&other_line_ends).await,
        Err(MigrationError::Changed {
            version: 1,
            name: "step 1".into()
        })
    );
    // What ran is in the file.
    t.db.clone().close().await;
    let again = Database::open(t.path(), Durability::Durable, &patient())
        .await
        .unwrap();
    assert_eq!(again.plan(&list).await, Ok(Plan::UpToDate));
    let third = migration(3, false, "DROP TABLE child");
    let longer = [list.to_vec(), vec![third.clone()]].concat();
    assert_eq!(again.plan(&longer).await, Ok(Plan::Exclusive(vec![third])));
    again
        .migrate(&longer[2..], Duration::from_secs(60))
        .await
        .unwrap();
    let refused = again.plan(&list).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("this build lacks migration 3 (step 3)"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing() {
    let t = Fixture::new().await;
    migrate(&t, &[first()]).await.unwrap();
    t.run("INSERT INTO parent VALUES (1, 'a')").await;
    t.run("INSERT INTO child VALUES (1)").await;
    let schema = t
        .rows("SELECT name, sql FROM sqlite_schema ORDER BY name")
        .await;
    let good = migration(
        2,
        false,
        "CREATE TABLE half (x); INSERT INTO half VALUES (1)",
    );
    for (text, statement, needle) in [
        ("CREATE TABLE x (a);\nSELEC 1", Some(2), "syntax error"),
        (
            "DELETE FROM parent; INSERT INTO parent VALUES (2, 'b'); INSERT INTO parent VALUES (2, 'c')",
            Some(3),
            "UNIQUE",
        ),
        (
            "DELETE FROM parent",
            None,
            "foreign keys broken: the row with rowid 1 of child",
        ),
        (
            "INSERT OR ROLLBACK INTO parent VALUES (1, 'again')",
            Some(1),
            "UNIQUE",
        ),
        ("BEGIN; CREATE TABLE x (a); COMMIT", Some(1), "denied"),
        ("CREATE TABLE x (a); COMMIT", Some(2), "denied"),
        ("SAVEPOINT a", Some(1), "denied"),
        ("ATTACH 'x' AS y", Some(1), "denied"),
        ("VACUUM INTO 'x'", Some(1), "VACUUM"),
        ("PRAGMA foreign_keys = ON", Some(1), "denied"),
        (
            "DELETE FROM _greenroom_migrations",
            Some(1),
            "belongs to the host",
        ),
        (
            "INSERT INTO parent VALUES ($1, 'x')",
            Some(1),
            "placeholders",
        ),
        ("SELECT load_extension('x')", Some(1), "denied"),
    ] {
        match migrate(&t, &[good.clone(), migration(3, false, text)]).await {
            Err(
                error @ MigrationError::Failed {
                    version: 3,
                    statement: at,
                    ..
                },
            ) => {
                assert_eq!(at, statement, "{text}: {error}");
                assert!(
                    error.to_string().contains("migration 3 (step 3) failed"),
                    "{error}"
                );
                assert!(error.to_string().contains(needle), "{text}: {error}");
            }
            other => panic!("{text}: {other:?}"),
        }
        assert_eq!(
            t.rows("SELECT name, sql FROM sqlite_schema ORDER BY name")
                .await,
            schema,
            "{text}"
        );
        assert_eq!(t.number("SELECT count(*) FROM child").await, 1, "{text}");
    }
    assert_eq!(
        t.db.plan(&[first(), good.clone()]).await,
        Ok(Plan::Exclusive(vec![good]))
    );
}

#[tokio::test]
async fn additive_migrations_take_nothing_away() {
    let t = Fixture::new().await;
    migrate(&t, &[first(), migration(2, true, "CREATE VIEW v AS SELECT 1; CREATE TRIGGER tr AFTER INSERT ON child BEGIN DELETE FROM parent WHERE 0; END")])
        .await
        .unwrap();
    for text in [
        "DROP TABLE child",
        "DROP INDEX child_parent",
        "DROP VIEW v",
        "DROP TRIGGER tr",
        "DELETE FROM parent",
        "ALTER TABLE parent DROP COLUMN name",
        "ALTER TABLE parent RENAME TO other",
        "ALTER TABLE parent RENAME COLUMN name TO title",
    ] {
        let error = migrate(&t, &[migration(3, true, text)]).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("declare the migration as not additive"),
            "{text}: {error}"
        );
        let inside = format!("CREATE TABLE fine (x); {text};");
        assert!(
            migrate(&t, &[migration(3, true, &inside)]).await.is_err(),
            "{text}"
        );
    }
    for (version, text) in (3..).zip([
        "CREATE TABLE extra (x INTEGER DEFAULT 1)",
        "ALTER TABLE extra ADD COLUMN y TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE extra ADD COLUMN z INTEGER REFERENCES parent",
        "CREATE UNIQUE INDEX extra_x ON extra (x)",
        "INSERT INTO extra (x) VALUES (1), (2); UPDATE extra SET y = 'b'",
        "CREATE TABLE copied AS SELECT * FROM extra",
        "CREATE VIRTUAL TABLE search USING fts5(y)",
    ]) {
        migrate(&t, &[migration(version, true, text)])
            .await
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[tokio::test]
async fn a_rebuild_keeps_children_that_cascade() {
    let t = Fixture::new().await;
    migrate(&t, &[first()]).await.unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO";
    t.run(&format!("{fill} parent SELECT i, 'name ' || i FROM n"))
        .await;
    t.run(&format!("{fill} child SELECT i FROM n")).await;
    let rebuild =
        "CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, length INTEGER);
        INSERT INTO parent_new SELECT id, name, length(name) FROM parent;
        DROP TABLE parent;
        ALTER TABLE parent_new RENAME TO parent;";
    migrate(&t, &[migration(2, false, rebuild)]).await.unwrap();
    assert_eq!(
        t.number("SELECT count(*) FROM child JOIN parent ON parent.id = child.parent")
            .await,
        20_000
    );
    t.run("DELETE FROM parent WHERE id <= 10").await;
    assert_eq!(
        t.number("SELECT count(*) FROM child").await,
        19_990,
        "the foreign key is alive"
    );
    assert!(matches!(
        t.error("INSERT INTO child VALUES (1)").await,
        Error::Constraint(_)
    ));
}

#[tokio::test]
async fn an_endless_migration_ends() {
    let t = Fixture::new().await;
    let endless = migration(1, true, &format!("CREATE TABLE t AS {ENDLESS}"));
    let error =
        t.db.migrate(&[endless], Duration::from_millis(100))
            .await
            .unwrap_err();
    assert!(
        matches!(error, MigrationError::TimedOut { version: 1, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("migrationTimeout"), "{error}");
    t.run("CREATE TABLE t (x)").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_and_writers_go_on_around_an_additive_migration() {
    let t = Fixture::new().await;
    migrate(&t, &[first()]).await.unwrap();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let traffic: Vec<_> = (0..8)
        .map(|_| {
            let (db, done) = (t.db.clone(), done.clone());
            tokio::spawn(async move {
                let mut written = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) || written == 0 {
                    db.execute(sql("INSERT INTO parent (name) VALUES ('x')"), later())
                        .await
                        .unwrap();
                    written += 1;
                    db.query(sql("SELECT * FROM parent LIMIT 3"), Reach::Writer, later())
                        .await
                        .unwrap();
                }
                written
            })
        })
        .collect();
    for version in 2..12 {
        let text = format!(
            "ALTER TABLE parent ADD COLUMN c{version}; CREATE INDEX i{version} ON parent (c{version})"
        );
        migrate(&t, &[migration(version, true, &text)])
            .await
            .unwrap();
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut written = 0;
    for one in traffic {
        written += one.await.unwrap();
    }
    assert_eq!(t.number("SELECT count(*) FROM parent").await, written);
    assert_eq!(
        t.rows("SELECT * FROM parent LIMIT 1").await.columns.len(),
        12
    );
}
