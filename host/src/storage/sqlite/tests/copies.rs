//! The copy made before a migration, and what a crash leaves.

use super::*;
use crate::storage::{Migration, OpenError};
use std::path::{Path, PathBuf};

async fn filled() -> Fixture {
    let t = Fixture::new().await;
    t.run("CREATE TABLE t (x)").await;
    t.run("INSERT INTO t VALUES ('before')").await;
    t
}

fn copy(t: &Fixture) -> PathBuf {
    t.folder.path().join("test.sqlite.before-migration")
}

async fn content(db: &Database) -> Value {
    db.query_row(sql("SELECT group_concat(x) FROM t"), Reach::Writer, later())
        .await
        .unwrap()
        .unwrap()
        .remove(0)
}

#[tokio::test]
async fn a_copy_is_put_back_under_open_connections() {
    let t = filled().await;
    t.db.save_copy().await.unwrap();
    t.run("INSERT INTO t VALUES ('after')").await;
    let change = Migration {
        version: 1,
        name: "drop".into(),
        sql: "ALTER TABLE t ADD COLUMN y; CREATE TABLE u (z)".into(),
        additive: false,
    };
    t.db.migrate(std::slice::from_ref(&change), Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(t.rows("SELECT * FROM t").await.columns, ["x", "y"]);
    t.db.restore_copy().await.unwrap();
    assert!(!copy(&t).exists());
    assert_eq!(content(&t.db).await, Value::from("before"));
    assert_eq!(t.rows("SELECT * FROM t").await.columns, ["x"]);
    assert!(matches!(
        t.db.query(sql("SELECT * FROM u"), Reach::Writer, later())
            .await,
        Err(Error::InvalidStatement(_))
    ));
    assert!(matches!(
        t.db.plan(std::slice::from_ref(&change)).await,
        Ok(crate::storage::Plan::Exclusive(_))
    ));
    // All goes on as on any database, a second migration included.
    t.run("INSERT INTO t VALUES ('more')").await;
    let other = Migration {
        sql: "ALTER TABLE t ADD COLUMN w".into(),
        ..change
    };
    t.db.migrate(&[other], Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(t.rows("SELECT * FROM t").await.columns, ["x", "w"]);
    t.db.clone().close().await;
    let again = Database::open(t.path(), Durability::Durable, &patient())
        .await
        .unwrap();
    assert_eq!(content(&again).await, Value::from("before,more"));
}

#[tokio::test]
async fn a_discarded_copy_is_gone() {
    let t = filled().await;
    t.db.save_copy().await.unwrap();
    t.db.save_copy().await.unwrap();
    t.run("INSERT INTO t VALUES ('after')").await;
    t.db.discard_copy().await.unwrap();
    t.db.discard_copy().await.unwrap();
    assert!(matches!(t.db.restore_copy().await, Err(Error::Other(_))));
    assert_eq!(content(&t.db).await, Value::from("before,after"));
    let left: Vec<_> = std::fs::read_dir(t.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("before-migration")),
        "{left:?}"
    );
}

/// What a host that was killed would leave: the files as they are, the log included.
fn as_after_a_crash(t: &Fixture) -> tempfile::TempDir {
    let dead = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(t.folder.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dead.path().join(entry.file_name())).unwrap();
    }
    dead
}

async fn reopen(folder: &Path) -> Database {
    Database::open(folder.join("test.sqlite"), Durability::Durable, &patient())
        .await
        .unwrap()
}

#[tokio::test]
async fn after_a_crash_the_copy_comes_back() {
    let t = filled().await;
    t.db.save_copy().await.unwrap();
    t.run("INSERT INTO t VALUES ('after')").await;
    let dead = as_after_a_crash(&t);
    assert!(dead.path().join("test.sqlite-wal").exists());
    let db = reopen(dead.path()).await;
    assert_eq!(content(&db).await, Value::from("before"));
    assert!(!dead.path().join("test.sqlite.before-migration").exists());
    db.close().await;

    // Cut off in the middle of the recovery: the log is gone, the copy is not yet in its place.
    let dead = as_after_a_crash(&t);
    std::fs::remove_file(dead.path().join("test.sqlite-wal")).unwrap();
    std::fs::write(dead.path().join("test.sqlite"), "torn").unwrap();
    assert_eq!(
        content(&reopen(dead.path()).await).await,
        Value::from("before")
    );

    // Cut off while the copy was made: it does not count.
    let dead = as_after_a_crash(&t);
    let made = dead.path().join("test.sqlite.before-migration");
    std::fs::rename(
        &made,
        dead.path().join("test.sqlite.before-migration.partial"),
    )
    .unwrap();
    assert_eq!(
        content(&reopen(dead.path()).await).await,
        Value::from("before,after")
    );
    assert!(
        !dead
            .path()
            .join("test.sqlite.before-migration.partial")
            .exists()
    );
}

/// A power cut brings back the name of what was removed, unless the folder was synced.
#[tokio::test]
async fn a_copy_whose_name_comes_back_undoes_nothing() {
    let t = filled().await;
    t.db.save_copy().await.unwrap();
    let kept = t.folder.path().join("as before the removal");
    std::fs::hard_link(copy(&t), &kept).unwrap();
    t.db.discard_copy().await.unwrap();
    t.run("INSERT INTO t VALUES ('after')").await;
    let dead = as_after_a_crash(&t);
    let back = dead.path().join("test.sqlite.before-migration");
    std::fs::copy(&kept, &back).unwrap();
    let db = reopen(dead.path()).await;
    assert_eq!(content(&db).await, Value::from("before,after"));
    assert!(!back.exists());
}

#[tokio::test]
async fn what_was_committed_survives_a_crash() {
    let t = filled().await;
    let dead = as_after_a_crash(&t);
    assert_eq!(
        content(&reopen(dead.path()).await).await,
        Value::from("before")
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite");
    std::fs::write(
        &path,
        "not a database, but long enough to look at ".repeat(100),
    )
    .unwrap();
    let refused = Database::open(path, Durability::Durable, &patient())
        .await
        .map(drop)
        .unwrap_err();
    assert!(matches!(refused, OpenError::Unusable { .. }), "{refused}");
    assert!(refused.to_string().contains("test.sqlite"), "{refused}");
    let missing = folder.path().join("no/such/folder/test.sqlite");
    let refused = Database::open(missing, Durability::Durable, &patient())
        .await
        .map(drop)
        .unwrap_err();
    assert!(matches!(refused, OpenError::Io { .. }), "{refused}");
}
