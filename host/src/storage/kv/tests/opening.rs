//! When the file comes, and what happens when it cannot.

use super::*;

#[tokio::test]
async fn the_file_comes_with_the_first_call() {
    let folder = tempfile::tempdir().unwrap();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let (limits, clock) = (KeyvalueLimits::default(), Clock::default());
    let unused = open(folder.path(), false, &limits, &clock).await;
    assert_eq!((unused.sweep().await, unused.size()), (Ok(0), 0));
    unused.clone().close().await;
    let closed = unused.open_bucket("b").await.map(drop);
    assert!(
        matches!(closed, Err(KvError::Storage(Error::Closed(_)))),
        "{closed:?}"
    );
    assert_eq!(files(), 0);

    let used = open(folder.path(), false, &limits, &clock).await;
    let (one, two) = tokio::join!(used.open_bucket("b"), used.open_bucket("b"));
    used.set(&one.unwrap(), "k", bytes("v")).await.unwrap();
    assert_eq!(
        used.get(&two.unwrap(), "k").await,
        Ok(Some(bytes("v"))),
        "one file for both"
    );
    assert!(used.size() > 0 && files() > 0);
    used.close().await;
    let again = open(folder.path(), false, &limits, &clock).await;
    assert!(again.size() > 0, "what is there is opened at once");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later/test.kv.sqlite");
    let store = async || {
        let limits = KeyvalueLimits::default();
        Keyvalue::open(
            Some(path.clone()),
            Durability::Volatile,
            &limits,
            Lifetimes::default(),
        )
        .await
    };
    let kv = store().await.unwrap();
    let refused = kv.open_bucket("b").await.map(drop);
    assert!(
        matches!(&refused, Err(KvError::Storage(Error::Unavailable(text))) if !text.contains("later")),
        "{refused:?}"
    );
    std::fs::create_dir(folder.path().join("later")).unwrap();
    kv.open_bucket("b").await.unwrap();
    kv.close().await;
    std::fs::write(&path, "no database".repeat(100)).unwrap();
    assert!(matches!(
        store().await.map(drop),
        Err(OpenError::Unusable { .. })
    ));
}

/// Whoever asked first is gone before it is open, and the store closes right then.
#[tokio::test]
async fn a_close_waits_for_an_opening() {
    let folder = tempfile::tempdir().unwrap();
    let kv = open(
        folder.path(),
        false,
        &KeyvalueLimits::default(),
        &Clock::default(),
    )
    .await;
    let first = tokio::time::timeout(Duration::ZERO, kv.open_bucket("b"));
    assert!(first.await.is_err(), "an opening takes a moment");
    tokio::task::yield_now().await;
    kv.clone().close().await;
    let late = kv.open_bucket("b").await.map(drop);
    assert!(
        matches!(late, Err(KvError::Storage(Error::Closed(_)))),
        "{late:?}"
    );
    let log = folder.path().join("test.kv.sqlite-wal");
    assert!(!log.exists(), "the file is closed");
}
