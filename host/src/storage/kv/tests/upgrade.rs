//! Files of hosts that did not count keys yet, and such hosts on files of this one.

use super::*;
use rusqlite::{Connection, params};

/// As the first host that kept data made it, with a bucket of three keys.
fn first(path: &std::path::Path) -> Connection {
    let old = Connection::open(path).unwrap();
    old.execute_batch(
        "CREATE TABLE buckets (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
         CREATE TABLE entries (bucket TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER, value BLOB NOT NULL, \
         UNIQUE (bucket, key)) STRICT;
         CREATE INDEX entries_by_end ON entries (expires) WHERE expires IS NOT NULL;
         INSERT INTO buckets VALUES ('b');
         INSERT INTO entries VALUES ('b', 'k1', NULL, x''), ('b', 'k2', NULL, x''), ('b', 'k3', NULL, x'');",
    )
    .unwrap();
    old
}

/// What such a host does to make a bucket and to write.
fn write(old: &Connection, bucket: &str, key: &str) {
    let made = "INSERT OR IGNORE INTO buckets SELECT ?1 WHERE (SELECT count(*) FROM buckets) < 64";
    old.execute(made, [bucket]).unwrap();
    old.execute(
        "INSERT INTO entries VALUES (?1, ?2, ?3, ?4) ON CONFLICT (bucket, key) \
         DO UPDATE SET expires = excluded.expires, value = excluded.value",
        params![bucket, key, None::<i64>, b"v"],
    )
    .unwrap();
}

fn counted(path: &std::path::Path) -> Vec<(String, i64)> {
    let file = Connection::open(path).unwrap();
    let mut counted = file
        .prepare("SELECT bucket, keys FROM tallies ORDER BY bucket")
        .unwrap();
    let rows = counted
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn tally(bucket: &str, keys: i64) -> (String, i64) {
    (bucket.to_owned(), keys)
}

#[tokio::test]
async fn keys_of_an_older_host_are_counted_and_it_counts_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.kv.sqlite");
    drop(first(&path));
    let limits = KeyvalueLimits {
        keys: 4,
        ..KeyvalueLimits::default()
    };
    let clock = Clock::driven();
    let kv = open(folder.path(), false, &limits, &clock).await;
    let bucket = kv.open_bucket("b").await.unwrap();
    kv.set(&bucket, "k4", vec![]).await.unwrap();
    let fifth = kv.set(&bucket, "k5", vec![]).await;
    assert_eq!(fifth, Err(KvError::TooManyKeys(4)));
    kv.close().await;
    assert_eq!(counted(&path), [tally("b", 4)]);

    // The older host again, on what is there now: its writes are counted, in buckets of its own from the next start on.
    let old = Connection::open(&path).unwrap();
    for key in ["k1", "k6", "k7"] {
        write(&old, "b", key);
        write(&old, "its own", key);
    }
    old.execute("DELETE FROM entries WHERE bucket = 'b' AND key <= 'k3'", [])
        .unwrap();
    drop(old);
    assert_eq!(counted(&path), [tally("b", 3)]);
    let kv = open(folder.path(), false, &limits, &clock).await;
    let bucket = kv.open_bucket("b").await.unwrap();
    let keys = kv.list_keys(&bucket, None).await.unwrap().0;
    assert_eq!(keys, ["k4", "k6", "k7"]);
    kv.close().await;
    assert_eq!(counted(&path), [tally("b", 3), tally("its own", 3)]);
}
