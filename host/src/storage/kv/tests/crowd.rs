//! Many callers at once: no change is lost, and no batch is seen half done.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_lose_nothing() {
    for t in both().await {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (kv, bucket) = (t.kv.clone(), t.bucket.clone());
                tokio::spawn(async move {
                    for _ in 0..20 {
                        kv.increment(&bucket, "counter", 1).await.unwrap();
                        let mut seen = kv.get(&bucket, "swapped").await.unwrap();
                        loop {
                            let number: i64 = seen
                                .as_ref()
                                .map_or(0, |v| String::from_utf8_lossy(v).parse().unwrap());
                            let next = bytes(&(number + 1).to_string());
                            match kv
                                .compare_and_swap(&bucket, "swapped", seen, next)
                                .await
                                .unwrap()
                            {
                                Ok(()) => break,
                                Err(current) => seen = current,
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        for key in ["counter", "swapped"] {
            assert_eq!(
                t.kv.get(&t.bucket, key).await,
                Ok(Some(bytes("400"))),
                "{key}"
            );
        }
    }
}

/// Writers set two keys to the same number, each its own; readers see the two equal, whoever wrote them last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_seen_whole() {
    for t in both().await {
        let keys = ["one", "two"].map(str::to_owned);
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (kv, bucket, keys) = (t.kv.clone(), t.bucket.clone(), keys.clone());
                tokio::spawn(async move {
                    for round in 0..50 {
                        let number = bytes(&format!("{writer}-{round}"));
                        let pairs = keys.clone().map(|key| (key, number.clone()));
                        kv.set_many(&bucket, pairs.into()).await.unwrap();
                    }
                })
            })
            .collect();
        let mut seen = 0;
        while seen == 0 || !writers.iter().all(|writer| writer.is_finished()) {
            let values = t.kv.get_many(&t.bucket, keys.to_vec()).await.unwrap();
            assert_eq!(values[0], values[1]);
            seen += usize::from(values[0].is_some());
            tokio::task::yield_now().await;
        }
        for writer in writers {
            writer.await.unwrap();
        }
    }
}
