//! The store beside a model of it: whatever the calls, with the clock moved on, sweeps, and the file closed and opened in
//! between, it answers what the model answers. `PROPTEST_CASES` in the environment has more tried.

use super::*;
use proptest::{collection::vec, prelude::*, sample::select};

/// The second has a time to live of a minute.
const BUCKETS: [&str; 2] = ["plain", "short"];
const KEYS: &[&str] = &["a", "a b", "b", "c", "d", "ü"];
const VALUES: &[&str] = &["", "0", "7", "-3", "x", "9223372036854775807"];
/// Milliseconds.
const TIMES: &[i64] = &[1, 29_999, 30_000, 59_999, 60_000];
/// Keys of a bucket.
const MOST: u32 = 4;

/// A bucket by its number, and a key.
type Place = (usize, &'static str);

#[derive(Debug, Clone)]
enum Step {
    Get(Place),
    Exists(Place),
    GetMany(usize, Vec<&'static str>),
    Set(usize, Vec<(&'static str, &'static str)>),
    Delete(usize, Vec<&'static str>),
    Add(Place, i64),
    AddUnsigned(Place, u64),
    /// Expecting what is there, or not.
    Swap(Place, bool, &'static str),
    List(usize),
    Advance(i64),
    Sweep,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let bucket = || 0..BUCKETS.len();
    let place = || (bucket(), select(KEYS));
    let keys = || vec(select(KEYS), 0..7);
    let pairs = vec((select(KEYS), select(VALUES)), 0..7);
    prop_oneof![
        3 => place().prop_map(Step::Get),
        1 => place().prop_map(Step::Exists),
        1 => (bucket(), keys()).prop_map(|(bucket, keys)| Step::GetMany(bucket, keys)),
        5 => (bucket(), pairs).prop_map(|(bucket, pairs)| Step::Set(bucket, pairs)),
        2 => (bucket(), keys()).prop_map(|(bucket, keys)| Step::Delete(bucket, keys)),
        3 => (place(), -5..6_i64).prop_map(|(place, delta)| Step::Add(place, delta)),
        1 => (place(), 0..3_u64).prop_map(|(place, delta)| Step::AddUnsigned(place, delta)),
        4 => (place(), any::<bool>(), select(VALUES))
            .prop_map(|(place, right, new)| Step::Swap(place, right, new)),
        2 => bucket().prop_map(Step::List),
        3 => select(TIMES).prop_map(Step::Advance),
        1 => Just(Step::Sweep),
        1 => Just(Step::Reopen),
    ]
}

struct Model {
    /// Values, and when they end. Those whose time is over are in the way of others until they are swept.
    entries: BTreeMap<Place, (Vec<u8>, Option<i64>)>,
    now: i64,
}

impl Model {
    fn get(&self, place: Place) -> Option<Vec<u8>> {
        let (value, end) = self.entries.get(&place)?;
        end.is_none_or(|end| end > self.now).then(|| value.clone())
    }

    fn sweep(&mut self) -> u64 {
        let before = self.entries.len();
        let now = self.now;
        self.entries
            .retain(|_, (_, end)| end.is_none_or(|end| end > now));
        (before - self.entries.len()) as u64
    }

    fn fits(&self, bucket: usize, pairs: &[(&'static str, Vec<u8>)]) -> bool {
        let there = self.entries.keys().filter(|(b, _)| *b == bucket).count();
        let mut new: Vec<_> = pairs.iter().map(|(key, _)| (bucket, *key)).collect();
        new.sort();
        new.dedup();
        new.retain(|place| !self.entries.contains_key(place));
        new.is_empty() || there + new.len() <= MOST as usize
    }

    fn set(&mut self, bucket: usize, pairs: Vec<(&'static str, Vec<u8>)>) -> Result<(), KvError> {
        if !self.fits(bucket, &pairs) {
            self.sweep();
            if !self.fits(bucket, &pairs) {
                return Err(KvError::TooManyKeys(MOST));
            }
        }
        let end = (BUCKETS[bucket] == "short").then(|| self.now + 60_000);
        for (key, value) in pairs {
            self.entries.insert((bucket, key), (value, end));
        }
        Ok(())
    }

    fn add<N: TryFrom<i128>>(&mut self, place: Place, delta: i128) -> Result<N, KvError> {
        let (bucket, key) = place;
        let current = self.get(place).unwrap_or(bytes("0"));
        let number: Option<i128> = String::from_utf8(current).unwrap().parse().ok();
        let sum = number.ok_or(KvError::NotANumber(key.into()))? + delta;
        let counted = N::try_from(sum).map_err(|_| KvError::Overflow(key.into()))?;
        self.set(bucket, vec![(key, bytes(&sum.to_string()))])?;
        Ok(counted)
    }

    fn swap(
        &mut self,
        place: Place,
        expected: Option<Vec<u8>>,
        new: &str,
    ) -> Result<Swapped, KvError> {
        let current = self.get(place);
        if current != expected {
            return Ok(Err(current));
        }
        self.set(place.0, vec![(place.1, bytes(new))]).map(Ok)
    }

    fn keys(&self, bucket: usize) -> Vec<String> {
        let all = self.entries.keys().filter(|(b, _)| *b == bucket);
        let live = all.filter(|place| self.get(**place).is_some());
        live.map(|(_, key)| (*key).to_owned()).collect()
    }
}

fn texts(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

async fn compare(memory: bool, steps: Vec<Step>) {
    let limits = KeyvalueLimits {
        keys: MOST,
        ..KeyvalueLimits::default()
    };
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::driven());
    let mut kv = open(folder.path(), memory, &limits, &clock).await;
    let mut buckets = Vec::new();
    for name in BUCKETS {
        buckets.push(kv.open_bucket(name).await.unwrap());
    }
    let mut model = Model {
        entries: BTreeMap::new(),
        now: clock.now(),
    };
    for step in steps {
        match step {
            Step::Get(place) => {
                let found = kv.get(&buckets[place.0], place.1).await;
                assert_eq!(found, Ok(model.get(place)));
            }
            Step::Exists(place) => {
                let found = kv.exists(&buckets[place.0], place.1).await;
                assert_eq!(found, Ok(model.get(place).is_some()));
            }
            Step::GetMany(bucket, keys) => {
                let expected: Vec<_> = keys.iter().map(|key| model.get((bucket, *key))).collect();
                let found = kv.get_many(&buckets[bucket], texts(&keys)).await;
                assert_eq!(found, Ok(expected));
            }
            Step::Set(bucket, pairs) => {
                let owned = pairs.iter().map(|(key, v)| ((*key).to_owned(), bytes(v)));
                let done = kv.set_many(&buckets[bucket], owned.collect()).await;
                let pairs = pairs.into_iter().map(|(key, v)| (key, bytes(v)));
                assert_eq!(done, model.set(bucket, pairs.collect()));
            }
            Step::Delete(bucket, keys) => {
                let done = kv.delete_many(&buckets[bucket], texts(&keys)).await;
                assert_eq!(done, Ok(()));
                for key in keys {
                    model.entries.remove(&(bucket, key));
                }
            }
            Step::Add(place, delta) => {
                let sum = kv.increment(&buckets[place.0], place.1, delta).await;
                assert_eq!(sum, model.add(place, delta.into()));
            }
            Step::AddUnsigned(place, delta) => {
                let (bucket, key) = (&buckets[place.0], place.1);
                let sum = kv.increment_unsigned(bucket, key, delta).await;
                assert_eq!(sum, model.add(place, delta.into()));
            }
            Step::Swap(place, right, new) => {
                let expected = model.get(place);
                let expected = if right {
                    expected
                } else {
                    Some(bytes("other"))
                };
                let swapped = kv
                    .compare_and_swap(&buckets[place.0], place.1, expected.clone(), bytes(new))
                    .await;
                assert_eq!(swapped, model.swap(place, expected, new));
            }
            Step::List(bucket) => {
                let listed = kv.list_keys(&buckets[bucket], None).await;
                assert_eq!(listed, Ok((model.keys(bucket), None)));
                let listed = kv.list_keys_by_age(&buckets[bucket], None).await;
                let (mut keys, cursor) = listed.unwrap();
                keys.sort();
                assert_eq!((keys, cursor), (model.keys(bucket), None));
            }
            Step::Advance(by) => {
                clock.advance(by);
                model.now += by;
            }
            Step::Sweep => assert_eq!(kv.sweep().await, Ok(model.sweep())),
            Step::Reopen => {
                // What is in memory would be gone.
                if !memory {
                    kv.close().await;
                    kv = open(folder.path(), memory, &limits, &clock).await;
                }
            }
        }
    }
    kv.close().await;
}

fn check(memory: bool, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(compare(memory, steps));
}

fn cases(parts: u32) -> ProptestConfig {
    let cases = ProptestConfig::default().cases / parts;
    ProptestConfig::with_cases(cases.max(1))
}

proptest! {
    #![proptest_config(cases(1))]
    #[test]
    fn memory_is_as_its_model(steps in vec(step(), 0..80)) {
        check(true, steps);
    }
}

proptest! {
    // Each opens a file and starts threads.
    #![proptest_config(cases(8))]
    #[test]
    fn a_file_is_as_its_model(steps in vec(step(), 0..80)) {
        check(false, steps);
    }
}
