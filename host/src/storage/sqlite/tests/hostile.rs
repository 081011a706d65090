//! Statements that must not do what they try.

use super::*;

/// What becomes of a statement, through `query` and through `execute` alike.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Denied,
    /// Any error, or a harmless answer.
    Harmless,
}
use Fate::{Denied, Harmless};

const HOSTILE: &[(Fate, &str)] = &[
    (Denied, "ATTACH DATABASE '/tmp/other.sqlite' AS other"),
    (Denied, "ATTACH ':memory:' AS m"),
    (Denied, "ATTACH '' AS m"),
    (Denied, "/* x */ -- y\n ATTACH $1 AS m"),
    (Denied, "DETACH main"),
    (Denied, "VACUUM"),
    (Denied, "VACUUM INTO '/tmp/stolen.sqlite'"),
    (Denied, "BEGIN"),
    (Denied, "BEGIN IMMEDIATE"),
    (Denied, "BEGIN EXCLUSIVE"),
    (Denied, "COMMIT"),
    (Denied, "END TRANSACTION"),
    (Denied, "ROLLBACK"),
    (Denied, "SAVEPOINT x"),
    (Denied, "SAVEPOINT _greenroom_job"),
    (Denied, "RELEASE _greenroom_job"),
    (Denied, "ROLLBACK TO _greenroom_job"),
    (Denied, ";;COMMIT"),
    (Denied, "\u{a0}COMMIT"),
    (Denied, "EXPLAIN COMMIT"),
    (Denied, "EXPLAIN ATTACH 'x' AS y"),
    (Denied, "PRAGMA journal_mode=off"),
    (Denied, "PRAGMA journal_mode"),
    (Denied, "PRAGMA synchronous=0"),
    (Denied, "PRAGMA writable_schema=1"),
    (Denied, "PRAGMA main.writable_schema=ON"),
    (Denied, "PRAGMA foreign_keys=OFF"),
    (Denied, "PRAGMA defer_foreign_keys=1"),
    (Denied, "PRAGMA ignore_check_constraints=1"),
    (Denied, "PRAGMA recursive_triggers=1"),
    (Denied, "PRAGMA trusted_schema=1"),
    (Denied, "PRAGMA max_page_count=999999999"),
    (Denied, "PRAGMA cache_size=1000000"),
    (Denied, "PRAGMA mmap_size=99999999999"),
    (Denied, "PRAGMA hard_heap_limit=1000000"),
    (Denied, "PRAGMA soft_heap_limit=1000"),
    (Denied, "PRAGMA threads=8"),
    (Denied, "PRAGMA temp_store_directory='/etc'"),
    (Denied, "PRAGMA data_store_directory='/etc'"),
    (Denied, "PRAGMA query_only=0"),
    (Denied, "PRAGMA busy_timeout=999999"),
    (Denied, "PRAGMA locking_mode=EXCLUSIVE"),
    (Denied, "PRAGMA wal_checkpoint(TRUNCATE)"),
    (Denied, "PRAGMA wal_autocheckpoint=0"),
    (Denied, "PRAGMA user_version=7"),
    (Denied, "PRAGMA schema_version=7"),
    (Denied, "PRAGMA encoding='UTF-16'"),
    (Denied, "PRAGMA incremental_vacuum"),
    (Denied, "PRAGMA auto_vacuum=1"),
    (Denied, "PRAGMA page_size=65536"),
    (Denied, "PRAGMA database_list"),
    (Denied, "PRAGMA optimize"),
    (Denied, "PRAGMA case_sensitive_like=1"),
    (Denied, "PRAGMA reverse_unordered_selects=1"),
    (Denied, "SELECT * FROM pragma_database_list"),
    (
        Denied,
        "SELECT 1 FROM pragma_table_info(CAST(x'ff' AS TEXT))",
    ),
    (Denied, "SELECT * FROM PRAGMA_journal_mode('off')"),
    (Denied, "SELECT load_extension('/tmp/evil.so')"),
    (Denied, "SELECT LOAD_EXTENSION('/tmp/evil.so', 'init')"),
    (
        Denied,
        "SELECT fts3_tokenizer('simple', x'4141414141414141')",
    ),
    (Denied, "SELECT sqlite_log(1, 'x')"),
    (Denied, "SELECT * FROM _greenroom_migrations"),
    (Denied, "SELECT 1 FROM _greenroom_migrations"),
    (Denied, "SELECT count(*) FROM _GREENROOM_Migrations"),
    (Denied, "SELECT * FROM \"_greenroom_migrations\""),
    (
        Denied,
        "INSERT INTO _greenroom_migrations VALUES (9, 'x', 'y', 1, 'z')",
    ),
    (Denied, "UPDATE _greenroom_migrations SET checksum = ''"),
    (Denied, "DELETE FROM _greenroom_migrations"),
    (Denied, "DROP TABLE _greenroom_migrations"),
    (Denied, "ALTER TABLE _greenroom_migrations RENAME TO mine"),
    (Denied, "ALTER TABLE _greenroom_migrations ADD COLUMN x"),
    (Denied, "CREATE TABLE _greenroom_x (a)"),
    (Denied, "CREATE VIEW _greenroom_v AS SELECT 1"),
    (Denied, "CREATE INDEX i ON _greenroom_migrations (name)"),
    (
        Denied,
        "CREATE TRIGGER tr AFTER INSERT ON _greenroom_migrations BEGIN SELECT 1; END",
    ),
    (
        Denied,
        "CREATE TABLE copy AS SELECT * FROM _greenroom_migrations",
    ),
    (
        Denied,
        "WITH x AS (SELECT * FROM _greenroom_migrations) SELECT * FROM x",
    ),
    (
        Denied,
        "SELECT (SELECT checksum FROM _greenroom_migrations)",
    ),
    (
        Denied,
        "INSERT INTO t SELECT name FROM _greenroom_migrations",
    ),
    (Denied, "CREATE TABLE pragma_x (a)"),
    (Denied, "UPDATE sqlite_schema SET sql = 'x'"),
    (
        Denied,
        "UPDATE sqlite_master SET sql = 'x' WHERE name = 't'",
    ),
    (
        Denied,
        "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x (a)')",
    ),
    (Denied, "DELETE FROM sqlite_schema"),
    (Denied, "DELETE FROM sqlite_temp_schema"),
    (Denied, "CREATE TEMP TABLE tt (a)"),
    (Denied, "CREATE TABLE temp.tt (a)"),
    (Denied, "CREATE TEMP VIEW tv AS SELECT 1"),
    (
        Denied,
        "CREATE TEMP TRIGGER ttr AFTER INSERT ON t BEGIN SELECT 1; END",
    ),
    (Denied, "CREATE VIRTUAL TABLE v USING dbstat"),
    (Denied, "CREATE VIRTUAL TABLE v USING fts3(x)"),
    (
        Denied,
        "CREATE VIRTUAL TABLE v USING fts4(x, tokenize=simple)",
    ),
    (
        Denied,
        "CREATE VIRTUAL TABLE v USING fts3tokenize('simple')",
    ),
    (Denied, "SELECT * FROM dbstat"),
    (
        Harmless,
        "CREATE VIRTUAL TABLE v USING csv(filename='/etc/passwd')",
    ),
    (Harmless, "SELECT readfile('/etc/passwd')"),
    (Harmless, "SELECT writefile('/tmp/x', 'y')"),
    (Harmless, "SELECT edit('x')"),
    (Harmless, "SELECT randomblob(500000000)"),
    (Harmless, "SELECT zeroblob(2147483647)"),
    (Harmless, "SELECT printf('%.*c', 2000000000, 'x')"),
    (
        Harmless,
        "SELECT replace(hex(zeroblob(1000)), '00', hex(zeroblob(10000)))",
    ),
    (Harmless, "SELECT hex(CAST(x'ff' AS TEXT) || x'00')"),
    (Harmless, "SELECT CAST(x'ff' AS TEXT)"),
    (Harmless, "SELECT json_extract('[[[[[[', '$')"),
    (Harmless, "SELECT json('\u{0}')"),
    (Harmless, "SELECT abs(-9223372036854775808)"),
    (
        Harmless,
        "SELECT sum(x) FROM (SELECT 9223372036854775807 x UNION ALL SELECT 1)",
    ),
    (Harmless, "SELECT * FROM t, t, t, t, t, t, t, t"),
    (Harmless, "SELECT 1 /* never ends"),
    (Harmless, "SELECT 'never ends"),
    (Harmless, "INSERT INTO sqlite_stat1 VALUES ('a', 'b', 'c')"),
    (Harmless, "CREATE TABLE sqlite_x (a)"),
    (Harmless, "ANALYZE"),
    (Harmless, "REINDEX"),
    (Harmless, "EXPLAIN SELECT * FROM t"),
    (Harmless, "EXPLAIN QUERY PLAN DELETE FROM t"),
    (Harmless, "SELECT sqlite_compileoption_get(1)"),
    (Harmless, "SELECT * FROM sqlite_schema"),
    (Harmless, "SELECT fts5(1)"),
    (Harmless, "SELECT highlight(t, 0, '', '') FROM t"),
    (Harmless, "\u{feff}SELECT 1"),
];

#[tokio::test]
async fn hostile_statements_are_denied_or_harmless() {
    let t = Fixture::new().await;
    t.run("CREATE TABLE t (x)").await;
    t.run("INSERT INTO t VALUES (1)").await;
    assert!(HOSTILE.len() >= 60);
    for (fate, text) in HOSTILE {
        // Twice, so that what the first left in a cache is met as well.
        for _ in 0..2 {
            let query =
                t.db.query(sql(text), Reach::Writer, later())
                    .await
                    .map(drop);
            let execute = t.db.execute(sql(text), later()).await.map(drop);
            let tx = t.db.begin(Access::ReadWrite, later()).await.unwrap();
            let inside = tx.query(sql(text), later()).await.map(drop);
            tx.rollback(later())
                .await
                .unwrap_or_else(|error| panic!("{text}: {error:?}"));
            let outcomes = [query, execute, inside];
            for outcome in outcomes {
                match (&outcome, fate) {
                    (Err(Error::Denied(message)), _) => {
                        assert!(message.len() > 20, "{text}: {message}")
                    }
                    (outcome, Denied) => panic!("{text}: {outcome:?}"),
                    (_, Harmless) => {}
                }
            }
        }
    }
    assert_eq!(t.number("SELECT count(*) FROM t").await, 1);
    assert_eq!(
        t.rows("PRAGMA foreign_keys").await.rows,
        [[Value::Integer(1)]]
    );
    assert_eq!(
        t.rows("PRAGMA quick_check").await.rows,
        [[Value::from("ok")]]
    );
    t.run("INSERT INTO t VALUES (2)").await;
    assert!(!std::path::Path::new("/tmp/stolen.sqlite").exists());
}

#[tokio::test]
async fn deep_and_wide_statements_are_errors() {
    let t = Fixture::new().await;
    let deep = |n: usize| format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n));
    let nested = |n: usize| format!("SELECT {}1{}", "abs(".repeat(n), ")".repeat(n));
    let wide = |n: usize| format!("SELECT {}", vec!["1"; n].join(","));
    let union = |n: usize| vec!["SELECT 1"; n].join(" UNION ALL ");
    let ors = |n: usize| format!("SELECT {}", vec!["1"; n].join(" OR "));
    let selects = |n: usize| format!("{}SELECT 1{}", "SELECT * FROM (".repeat(n), ")".repeat(n));
    for text in [
        deep(50_000),
        nested(50_000),
        wide(50_000),
        union(20_000),
        ors(100_000),
        selects(20_000),
    ] {
        let outcome = t.db.query(sql(&text), Reach::Writer, later()).await;
        assert!(
            matches!(outcome, Err(Error::InvalidStatement(_) | Error::Other(_))),
            "{outcome:?}"
        );
    }
    assert_eq!(t.number(&ors(100)).await, 1);
    assert_eq!(t.rows(&union(100)).await.rows.len(), 100);
}

#[tokio::test]
async fn denials_say_what_to_do_instead() {
    let t = Fixture::new().await;
    for (text, what, instead) in [
        ("COMMIT", "COMMIT", "begin()"),
        ("ATTACH 'x' AS y", "ATTACH", "one database"),
        (
            "PRAGMA journal_mode=off",
            "PRAGMA journal_mode",
            "table_info",
        ),
        (
            "SELECT * FROM pragma_table_info('t')",
            "pragma_table_info",
            "PRAGMA table_info(",
        ),
        ("CREATE TEMP TABLE x (y)", "temporary", "WITH"),
        (
            "SELECT * FROM _greenroom_migrations",
            "_greenroom_migrations",
            "not for plugins",
        ),
        ("CREATE VIRTUAL TABLE v USING fts4(x)", "fts4", "fts5"),
    ] {
        match t.error(text).await {
            Error::Denied(message) => {
                assert!(
                    message.contains(what) && message.contains(instead),
                    "{text}: {message}"
                );
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_plugins_need_is_open() {
    let t = Fixture::new().await;
    for text in [
        "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT, j TEXT)",
        "CREATE TABLE b (a INTEGER REFERENCES a ON DELETE CASCADE)",
        "CREATE INDEX a_name ON a (lower(name))",
        "CREATE VIEW v AS SELECT name, instr(name, 'x') AS at FROM a",
        "CREATE TRIGGER tr AFTER INSERT ON a BEGIN INSERT INTO b VALUES (new.id); END",
        "INSERT INTO a VALUES (1, 'x', '{\"k\": [1, 2]}') ON CONFLICT DO NOTHING",
        "ALTER TABLE a ADD COLUMN extra TEXT",
        "ALTER TABLE a RENAME COLUMN extra TO more",
        "ALTER TABLE a DROP COLUMN more",
        "ALTER TABLE b RENAME TO c",
        "CREATE VIRTUAL TABLE words USING fts5(body)",
        "INSERT INTO words VALUES ('the quick brown fox')",
        "INSERT INTO words (words) VALUES ('optimize')",
        "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)",
        "INSERT INTO boxes VALUES (1, 0, 1)",
        "ANALYZE",
        "REINDEX a_name",
        "DROP INDEX a_name",
    ] {
        t.run(text).await;
    }
    for text in [
        "SELECT * FROM v",
        "SELECT json_extract(j, '$.k[1]'), j ->> '$.k' FROM a",
        "SELECT value FROM a, json_each(a.j, '$.k')",
        "SELECT rowid, rank FROM words WHERE words MATCH 'quick' ORDER BY rank",
        "SELECT strftime('%Y', 'now'), datetime(), printf('%05d', 3), upper(name) FROM a WHERE name LIKE 'x%'",
        "SELECT name, row_number() OVER (ORDER BY id) FROM a",
        "SELECT * FROM boxes WHERE x1 > 0",
        "PRAGMA table_info(a)",
        "PRAGMA index_list('a')",
        "PRAGMA foreign_key_list(c)",
        "PRAGMA user_version",
        "SELECT name FROM sqlite_schema",
        "VALUES (1), (2)",
    ] {
        t.rows(text).await;
    }
    t.run("DELETE FROM a").await;
    assert_eq!(t.number("SELECT count(*) FROM c").await, 0, "cascades");
}
