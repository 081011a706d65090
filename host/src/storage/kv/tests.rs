use super::*;
use crate::storage::Error;
use std::{collections::BTreeMap, time::Duration};

mod crowd;
mod lifetimes;
mod limits;
mod linear;
mod model;
mod opening;
mod upgrade;

struct Fixture {
    folder: tempfile::TempDir,
    kv: Keyvalue,
    bucket: Bucket,
    clock: Clock,
}

async fn open(
    folder: &std::path::Path,
    memory: bool,
    limits: &KeyvalueLimits,
    clock: &Clock,
) -> Keyvalue {
    let path = (!memory).then(|| folder.join("test.kv.sqlite"));
    Keyvalue::open_at(
        path,
        Durability::Volatile,
        limits,
        a_minute(),
        clock.clone(),
    )
    .await
    .unwrap()
}

/// A minute in the bucket `short`.
fn a_minute() -> Lifetimes {
    Lifetimes {
        buckets: BTreeMap::from([("short".to_owned(), Some(Duration::from_secs(60)))]),
        default: None,
    }
}

async fn fixture(memory: bool, limits: KeyvalueLimits) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::driven();
    let kv = open(folder.path(), memory, &limits, &clock).await;
    let bucket = kv.open_bucket("default").await.unwrap();
    Fixture {
        folder,
        kv,
        bucket,
        clock,
    }
}

/// On a file and in memory.
async fn both() -> [Fixture; 2] {
    [
        fixture(false, KeyvalueLimits::default()).await,
        fixture(true, KeyvalueLimits::default()).await,
    ]
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn values_are_kept_by_bucket_and_key() {
    for t in both().await {
        let other = t.kv.open_bucket("other").await.unwrap();
        assert_eq!(t.kv.get(&t.bucket, "k").await, Ok(None));
        t.kv.set(&t.bucket, "k", bytes("1")).await.unwrap();
        t.kv.set(&t.bucket, "k", bytes("2")).await.unwrap();
        t.kv.set(&other, "k", vec![]).await.unwrap();
        assert_eq!(t.kv.get(&t.bucket, "k").await, Ok(Some(bytes("2"))));
        assert_eq!(t.kv.get(&other, "k").await, Ok(Some(vec![])));
        assert_eq!(t.kv.exists(&other, "k").await, Ok(true));
        t.kv.delete(&other, "k").await.unwrap();
        t.kv.delete(&other, "k").await.unwrap();
        assert_eq!(t.kv.exists(&other, "k").await, Ok(false));
        assert_eq!(t.kv.exists(&t.bucket, "k").await, Ok(true));
        let large = vec![7; 1 << 20];
        t.kv.set(&t.bucket, "large", large.clone()).await.unwrap();
        assert_eq!(t.kv.get(&t.bucket, "large").await, Ok(Some(large)));
    }
}

#[tokio::test]
async fn bucket_names_and_their_number_are_limited() {
    let limits = KeyvalueLimits {
        buckets: 3,
        ..KeyvalueLimits::default()
    };
    let t = fixture(false, limits.clone()).await;
    for bad in ["", "A", "a b", "a/b", "ä", &"x".repeat(65)] {
        assert!(
            matches!(t.kv.open_bucket(bad).await, Err(KvError::InvalidBucket(_))),
            "{bad}"
        );
    }
    t.kv.open_bucket(&"x".repeat(64)).await.unwrap();
    t.kv.open_bucket("a.b_c-9").await.unwrap();
    assert_eq!(
        t.kv.open_bucket("fourth").await.map(drop),
        Err(KvError::TooManyBuckets(3))
    );
    assert_eq!(t.kv.open_bucket("default").await.unwrap().name(), "default");
    t.kv.set(&t.bucket, "k", bytes("v")).await.unwrap();
    t.kv.clone().close().await;
    assert!(matches!(
        t.kv.get(&t.bucket, "k").await,
        Err(KvError::Storage(Error::Closed(_)))
    ));
    let again = open(t.folder.path(), false, &limits, &t.clock).await;
    assert_eq!(
        again.open_bucket("fourth").await.map(drop),
        Err(KvError::TooManyBuckets(3))
    );
    assert_eq!(again.get(&t.bucket, "k").await, Ok(Some(bytes("v"))));
}

#[tokio::test]
async fn sizes_are_limited() {
    let t = fixture(
        false,
        KeyvalueLimits {
            key: 4,
            value: 10,
            total: 1 << 20,
            ..KeyvalueLimits::default()
        },
    )
    .await;
    let set = async |key: &str, length: usize| t.kv.set(&t.bucket, key, vec![0; length]).await;
    assert_eq!(set("abcd", 10).await, Ok(()));
    assert_eq!(set("abcde", 1).await, Err(KvError::InvalidKey(4)));
    assert_eq!(set("", 1).await, Err(KvError::InvalidKey(4)));
    assert_eq!(set("a", 11).await, Err(KvError::ValueTooLarge(10)));
    let swap =
        t.kv.compare_and_swap(&t.bucket, "a", None, vec![0; 11])
            .await;
    assert_eq!(swap, Err(KvError::ValueTooLarge(10)));
    let many = (0..1001).map(|n| n.to_string()).collect();
    assert_eq!(
        t.kv.get_many(&t.bucket, many).await,
        Err(KvError::BatchTooLarge)
    );

    let t = fixture(
        false,
        KeyvalueLimits {
            total: 1 << 20,
            ..KeyvalueLimits::default()
        },
    )
    .await;
    let mut stored = 0;
    let error = loop {
        match t
            .kv
            .set(&t.bucket, &format!("k{stored}"), vec![0; 100_000])
            .await
        {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 20);
    };
    let full = KvError::Full {
        bytes: 1 << 20,
        limit: "total",
    };
    assert_eq!(error, full);
    t.kv.delete(&t.bucket, "k0").await.unwrap();
    t.kv.set(&t.bucket, "again", vec![0; 90_000]).await.unwrap();
}

#[tokio::test]
async fn keys_are_listed_page_by_page() {
    for t in both().await {
        let keys: Vec<String> = (0..2500)
            .map(|number| format!("key {number:05} ü"))
            .collect();
        for some in keys.chunks(1000) {
            t.kv.set_many(
                &t.bucket,
                some.iter().map(|key| (key.clone(), bytes("v"))).collect(),
            )
            .await
            .unwrap();
        }
        let (mut listed, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let (page, next) = t.kv.list_keys(&t.bucket, cursor).await.unwrap();
            assert!(page.len() <= 1000);
            listed.extend(page);
            pages += 1;
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((listed, pages), (keys, 3));
        for bad in ["", "zz", "ff"] {
            assert_eq!(
                t.kv.list_keys(&t.bucket, Some(bad.into())).await,
                Err(KvError::InvalidCursor)
            );
        }
    }
}

#[tokio::test]
async fn batches_are_atomic() {
    for t in both().await {
        t.kv.set_many(
            &t.bucket,
            vec![("a".into(), bytes("1")), ("b".into(), bytes("2"))],
        )
        .await
        .unwrap();
        let too_large = vec![("c".into(), bytes("3")), ("d".into(), vec![0; 3 << 20])];
        assert!(matches!(
            t.kv.set_many(&t.bucket, too_large).await,
            Err(KvError::ValueTooLarge(_))
        ));
        let keys = ["b", "c", "a", "b"].map(str::to_owned).to_vec();
        let values = t.kv.get_many(&t.bucket, keys.clone()).await.unwrap();
        assert_eq!(
            values,
            [Some(bytes("2")), None, Some(bytes("1")), Some(bytes("2"))]
        );
        t.kv.delete_many(&t.bucket, keys).await.unwrap();
        assert_eq!(t.kv.list_keys(&t.bucket, None).await, Ok((vec![], None)));
        let large: Vec<_> = (0..10).map(|n| (n.to_string(), vec![0; 2 << 20])).collect();
        let keys = large.iter().map(|(key, _)| key.clone()).collect();
        t.kv.set_many(&t.bucket, large).await.unwrap();
        assert_eq!(
            t.kv.get_many(&t.bucket, keys).await,
            Err(KvError::BatchTooLarge)
        );
        assert_eq!(t.kv.exists(&t.bucket, "9").await, Ok(true));
    }
}

#[tokio::test]
async fn increments_are_whole_numbers() {
    for t in both().await {
        assert_eq!(t.kv.increment(&t.bucket, "n", 5).await, Ok(5));
        assert_eq!(t.kv.increment(&t.bucket, "n", -7).await, Ok(-2));
        assert_eq!(t.kv.get(&t.bucket, "n").await, Ok(Some(bytes("-2"))));
        t.kv.set(&t.bucket, "n", bytes(&i64::MAX.to_string()))
            .await
            .unwrap();
        assert_eq!(
            t.kv.increment(&t.bucket, "n", 1).await,
            Err(KvError::Overflow("n".into()))
        );
        assert_eq!(t.kv.increment(&t.bucket, "n", -1).await, Ok(i64::MAX - 1));
        for bad in ["", "x", "1.5", "99999999999999999999"] {
            t.kv.set(&t.bucket, "bad", bytes(bad)).await.unwrap();
            assert_eq!(
                t.kv.increment(&t.bucket, "bad", 1).await,
                Err(KvError::NotANumber("bad".into()))
            );
            assert_eq!(t.kv.get(&t.bucket, "bad").await, Ok(Some(bytes(bad))));
        }
    }
}
