//! How many keys a bucket has, and how many bytes a store in memory.

use super::*;

/// Three keys a bucket, on a file and in memory.
async fn three() -> [Fixture; 2] {
    let limits = KeyvalueLimits {
        keys: 3,
        ..KeyvalueLimits::default()
    };
    [
        fixture(false, limits.clone()).await,
        fixture(true, limits).await,
    ]
}

fn pairs(keys: &[&str]) -> Vec<(String, Vec<u8>)> {
    let pair = |key: &&str| ((*key).to_owned(), bytes("v"));
    keys.iter().map(pair).collect()
}

#[tokio::test]
async fn a_bucket_has_so_many_keys() {
    for t in three().await {
        let full = Err(KvError::TooManyKeys(3));
        let keys = async |bucket: &Bucket| t.kv.list_keys(bucket, None).await.unwrap().0;
        // A key that is there twice is one.
        let twice = pairs(&["a", "a", "b", "b", "a"]);
        t.kv.set_many(&t.bucket, twice).await.unwrap();
        assert_eq!(t.kv.set_many(&t.bucket, pairs(&["c", "d"])).await, full);
        assert_eq!(keys(&t.bucket).await, ["a", "b"], "all or nothing");
        t.kv.increment(&t.bucket, "c", 1).await.unwrap();

        let swapped = t.kv.compare_and_swap(&t.bucket, "d", None, vec![]).await;
        assert_eq!(swapped, Err(KvError::TooManyKeys(3)));
        let sum = t.kv.increment(&t.bucket, "d", 1).await;
        assert_eq!(sum, Err(KvError::TooManyKeys(3)));
        assert_eq!(t.kv.set(&t.bucket, "d", vec![]).await, full);
        // What is there can be changed, and another bucket has keys of its own.
        t.kv.set_many(&t.bucket, pairs(&["a", "b", "c", "c"]))
            .await
            .unwrap();
        t.kv.set(&t.bucket, "c", bytes("5")).await.unwrap();
        assert_eq!(t.kv.increment(&t.bucket, "c", 1).await, Ok(6));
        let other = t.kv.open_bucket("other").await.unwrap();
        t.kv.set_many(&other, pairs(&["a", "b", "c"]))
            .await
            .unwrap();

        let gone = vec!["a".to_owned(), "a".to_owned(), "missing".to_owned()];
        t.kv.delete_many(&t.bucket, gone).await.unwrap();
        t.kv.set(&t.bucket, "d", vec![]).await.unwrap();
        assert_eq!(t.kv.set(&t.bucket, "a", vec![]).await, full);
        assert_eq!(keys(&t.bucket).await, ["b", "c", "d"]);
        let text = KvError::TooManyKeys(3).to_string();
        assert!(text.contains("limits.keyvalue.keys"), "{text}");
    }
}

#[tokio::test]
async fn values_whose_time_is_over_make_room() {
    for t in three().await {
        let short = t.kv.open_bucket("short").await.unwrap();
        t.kv.set_many(&short, pairs(&["a", "b", "c"]))
            .await
            .unwrap();
        assert!(t.kv.set(&short, "d", vec![]).await.is_err());
        t.clock.advance(60_000);
        t.kv.set(&short, "d", vec![]).await.unwrap();
        assert_eq!(t.kv.sweep().await, Ok(0), "they are swept already");
        t.kv.increment(&short, "e", 1).await.unwrap();
        t.kv.increment(&short, "f", 1).await.unwrap();
        t.clock.advance(60_000);
        let swapped = t.kv.compare_and_swap(&short, "g", None, vec![]).await;
        assert_eq!(swapped, Ok(Ok(())));
        assert_eq!(t.kv.list_keys(&short, None).await.unwrap().0, ["g"]);
    }
}

#[tokio::test]
async fn a_full_file_has_room_when_its_values_have_ended() {
    let limits = KeyvalueLimits {
        total: 1 << 20,
        ..KeyvalueLimits::default()
    };
    let t = fixture(false, limits).await;
    let short = t.kv.open_bucket("short").await.unwrap();
    let mut stored = 0;
    while t
        .kv
        .set(&short, &format!("k{stored}"), vec![0; 100_000])
        .await
        .is_ok()
    {
        stored += 1;
        assert!(stored < 20);
    }
    t.clock.advance(60_000);
    let all = (0..5).map(|n| (format!("new {n}"), vec![0; 100_000]));
    t.kv.set_many(&short, all.collect()).await.unwrap();
}

#[tokio::test]
async fn memory_is_bounded_with_what_keys_take() {
    let limits = KeyvalueLimits {
        memory: 10_000,
        ..KeyvalueLimits::default()
    };
    let t = fixture(true, limits).await;
    let full = Err(KvError::Full {
        bytes: 10_000,
        limit: "memory",
    });
    t.kv.set(&t.bucket, "a", vec![1; 9000]).await.unwrap();
    assert_eq!(t.kv.size(), 9000 + 1 + 256);
    assert_eq!(t.kv.set(&t.bucket, "b", vec![2; 1000]).await, full);
    let both = vec![("a".to_owned(), vec![3; 9500]), ("b".to_owned(), vec![])];
    assert_eq!(t.kv.set_many(&t.bucket, both).await, full);
    assert_eq!(t.kv.get(&t.bucket, "a").await, Ok(Some(vec![1; 9000])));
    // Of two values for one key only the last counts.
    let twice = vec![
        ("a".to_owned(), vec![4; 9999]),
        ("a".to_owned(), vec![5; 9]),
    ];
    t.kv.set_many(&t.bucket, twice).await.unwrap();
    assert_eq!(t.kv.get(&t.bucket, "a").await, Ok(Some(vec![5; 9])));
    let few = (0..100).map(|n| (n.to_string(), vec![]));
    assert_eq!(t.kv.set_many(&t.bucket, few.collect()).await, full);
    t.kv.delete(&t.bucket, "a").await.unwrap();
    assert_eq!(t.kv.size(), 0);
    t.kv.clone().close().await;
    let closed = t.kv.get(&t.bucket, "a").await;
    assert!(
        matches!(closed, Err(KvError::Storage(Error::Closed(_)))),
        "{closed:?}"
    );
    assert_eq!((t.kv.sweep().await, t.kv.size()), (Ok(0), 0));
}

#[tokio::test]
async fn pages_in_the_order_of_age_hold_every_key_that_stays() {
    for t in both().await {
        let keys: Vec<String> = (0..2500).map(|n| (9999 - n).to_string()).collect();
        for some in keys.chunks(1000) {
            let pairs = some.iter().map(|key| (key.clone(), vec![]));
            t.kv.set_many(&t.bucket, pairs.collect()).await.unwrap();
        }
        let other = t.kv.open_bucket("other").await.unwrap();
        t.kv.set(&other, "other", vec![]).await.unwrap();
        // Keys of one batch are of one age, in whatever order.
        let sorted = |mut keys: Vec<String>| {
            keys.sort();
            keys
        };
        let (first, cursor) = t.kv.list_keys_by_age(&t.bucket, None).await.unwrap();
        assert_eq!(sorted(first.clone()), sorted(keys[..1000].to_vec()));
        // Who deletes what it has listed, and who writes meanwhile, hides nothing from the rest.
        t.kv.delete_many(&t.bucket, first).await.unwrap();
        t.kv.set(&t.bucket, &keys[2000], bytes("changed"))
            .await
            .unwrap();
        let (second, cursor) = t.kv.list_keys_by_age(&t.bucket, cursor).await.unwrap();
        let (third, end) = t.kv.list_keys_by_age(&t.bucket, cursor).await.unwrap();
        assert_eq!(second.len(), 1000);
        let rest = sorted([second, third].concat());
        assert_eq!(rest, sorted(keys[1000..].to_vec()));
        assert_eq!(end, None);
        let behind = t.kv.list_keys_by_age(&t.bucket, Some(u64::MAX)).await;
        assert_eq!(behind, Ok((vec![], None)));
    }
}
