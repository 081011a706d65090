//! When values end, and what a change of configuration or of the system's clock does to those that are there.

use super::*;

const MINUTE: i64 = 60_000;

fn ttl(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// Milliseconds until the value of `k` ends, by trying; `None`: not within a day.
async fn left(kv: &Keyvalue, bucket: &Bucket, clock: &Clock) -> Option<i64> {
    let mut moved = 0;
    while kv.exists(bucket, "k").await.unwrap() && moved < 1440 * MINUTE {
        clock.advance(MINUTE / 2);
        moved += MINUTE / 2;
    }
    clock.advance(-moved);
    (moved < 1440 * MINUTE).then_some(moved)
}

#[tokio::test]
async fn values_end_after_their_time() {
    for t in both().await {
        let short = t.kv.open_bucket("short").await.unwrap();
        let names = ["set", "sum", "swap"];
        t.kv.set(&short, "set", bytes("v")).await.unwrap();
        t.kv.increment(&short, "sum", 3).await.unwrap();
        t.kv.compare_and_swap(&short, "swap", None, bytes("v"))
            .await
            .unwrap()
            .unwrap();
        t.kv.set(&t.bucket, "kept", bytes("v")).await.unwrap();
        t.clock.advance(50_000);
        t.kv.set(&short, "set", bytes("renewed")).await.unwrap();
        assert_eq!(t.kv.list_keys(&short, None).await.unwrap().0, names);
        assert_eq!(t.kv.sweep().await, Ok(0));
        t.clock.advance(30_000);
        assert_eq!(t.kv.list_keys(&short, None).await.unwrap().0, ["set"]);
        assert_eq!(t.kv.get(&short, "swap").await, Ok(None));
        assert_eq!(t.kv.exists(&short, "sum").await, Ok(false));
        let values =
            t.kv.get_many(&short, names.map(str::to_owned).to_vec())
                .await
                .unwrap();
        assert_eq!(values, [Some(bytes("renewed")), None, None]);
        assert_eq!(
            t.kv.increment(&short, "sum", 3).await,
            Ok(3),
            "the old value does not count"
        );
        assert_eq!(
            t.kv.compare_and_swap(&short, "swap", None, bytes("w"))
                .await,
            Ok(Ok(()))
        );
        t.clock.advance(100_000);
        assert_eq!(t.kv.sweep().await, Ok(3));
        assert_eq!(t.kv.get(&t.bucket, "kept").await, Ok(Some(bytes("v"))));
        let many: Vec<_> = (0..1000).map(|n| (n.to_string(), bytes("v"))).collect();
        t.kv.set_many(&short, many).await.unwrap();
        t.clock.advance(100_000);
        assert_eq!(t.kv.sweep().await, Ok(1000));
    }
}

#[tokio::test]
async fn a_bucket_without_a_time_of_its_own_has_the_default() {
    let lifetimes = Lifetimes {
        buckets: BTreeMap::from([("own".to_owned(), ttl(60)), ("kept".to_owned(), None)]),
        default: ttl(600),
    };
    let folder = tempfile::tempdir().unwrap();
    for path in [Some(folder.path().join("test.kv.sqlite")), None] {
        let clock = Clock::driven();
        let (limits, lifetimes) = (KeyvalueLimits::default(), lifetimes.clone());
        let kv = Keyvalue::open_at(
            path,
            Durability::Volatile,
            &limits,
            lifetimes,
            clock.clone(),
        )
        .await
        .unwrap();
        for (name, lives) in [
            ("own", Some(MINUTE)),
            ("other", Some(10 * MINUTE)),
            ("kept", None),
        ] {
            let bucket = kv.open_bucket(name).await.unwrap();
            kv.set(&bucket, "k", bytes("v")).await.unwrap();
            assert_eq!(left(&kv, &bucket, &clock).await, lives, "{name}");
        }
        kv.close().await;
    }
}

#[tokio::test]
async fn the_moment_of_its_end_is_the_first_without_a_value() {
    for t in both().await {
        let short = t.kv.open_bucket("short").await.unwrap();
        t.kv.set(&short, "k", bytes("v")).await.unwrap();
        t.clock.advance(MINUTE - 1);
        assert_eq!(t.kv.exists(&short, "k").await, Ok(true));
        assert_eq!(t.kv.sweep().await, Ok(0));
        t.clock.advance(1);
        assert_eq!(t.kv.exists(&short, "k").await, Ok(false));
        assert_eq!(t.kv.sweep().await, Ok(1));
    }
}

/// What stays where a file is opened with other times to live.
struct Reopened {
    folder: tempfile::TempDir,
    clock: Clock,
}

impl Reopened {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Clock::driven(),
        }
    }

    /// Runs with the time to live of the bucket `b`.
    async fn with(&self, ttl: Option<Duration>, run: impl AsyncFnOnce(&Keyvalue, &Bucket)) {
        let path = Some(self.folder.path().join("test.kv.sqlite"));
        let lifetimes = Lifetimes {
            buckets: BTreeMap::from([("b".to_owned(), ttl)]),
            default: None,
        };
        let (limits, clock) = (KeyvalueLimits::default(), self.clock.clone());
        let kv = Keyvalue::open_at(path, Durability::Volatile, &limits, lifetimes, clock)
            .await
            .unwrap();
        let bucket = kv.open_bucket("b").await.unwrap();
        run(&kv, &bucket).await;
        kv.close().await;
    }

    async fn write(&self, ttl: Option<Duration>) {
        self.with(ttl, async |kv, bucket| {
            kv.set(bucket, "k", bytes("v")).await.unwrap();
        })
        .await;
    }

    async fn expect(&self, ttl: Option<Duration>, lives: Option<i64>) {
        self.with(ttl, async |kv, bucket| {
            assert_eq!(left(kv, bucket, &self.clock).await, lives, "{ttl:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_new_or_shorter_time_holds_for_what_is_there() {
    let file = Reopened::new();
    file.write(None).await;
    file.expect(ttl(600), Some(10 * MINUTE)).await;
    file.expect(ttl(60), Some(MINUTE)).await;
    // From the first opening with it on, not from the last.
    file.clock.advance(MINUTE / 2);
    file.expect(ttl(60), Some(MINUTE / 2)).await;
    // A longer one, or none, is for what is written from now on.
    file.expect(ttl(600), Some(MINUTE / 2)).await;
    file.expect(None, Some(MINUTE / 2)).await;
}

#[tokio::test]
async fn a_clock_that_was_ahead_makes_no_value_last() {
    let file = Reopened::new();
    let year = 365 * 1440 * MINUTE;
    file.clock.advance(70 * year);
    file.write(ttl(600)).await;
    file.clock.advance(-70 * year);
    file.expect(ttl(600), Some(10 * MINUTE)).await;
    // A value that would not end keeps that, whatever the clock was.
    let file = Reopened::new();
    file.clock.advance(70 * year);
    file.write(None).await;
    file.clock.advance(-70 * year);
    file.expect(None, None).await;
}
