//! The plugin's key-value store: values that every instance and every build of the plugin sees, as durable as its
//! database (or in memory, where the host is configured so), but outside of the database's transactions.
//!
//! ```no_run
//! use greenroom_sdk::{Error, keyvalue::Bucket};
//! # fn ask(name: &str) -> Result<u32, Error> { Ok(1) }
//! # fn main() -> Result<(), Error> {
//! let cache = Bucket::open("forecasts")?;
//! // Asked for once in the time that values of this bucket live.
//! let degrees: u32 = cache.get_or_set_json("oslo", || ask("oslo"))?;
//! let asked = Bucket::open("counters")?.increment("oslo", 1)?;
//! # Ok(()) }
//! ```
//!
//! How long values live is the host's configuration, a time for each bucket (`plugins.<id>.keyvalue.<bucket>.ttl`); each
//! write of a value begins it anew. What must last belongs into a bucket of its own, or into the database.

mod json;

use crate::bindings::wasi::keyvalue::{
    atomics::{self, CasError},
    batch, store,
};

pub use store::Error;

/// How often a change is tried when others change the value all the time; the request's own time may be over before.
const ATTEMPTS: usize = 64;

/// A key, and its value where it has one.
pub type Pair = (String, Option<Vec<u8>>);

/// A space of keys of its own. Its name is `[a-z0-9._-]{1,64}`; a plugin has at most 64 of them unless the host is
/// configured otherwise. A key has 1 to 1,024 bytes, a value 2 MiB at most.
pub struct Bucket(store::Bucket);

impl Bucket {
    /// Opens a bucket, which need not exist before.
    pub fn open(name: &str) -> Result<Self, Error> {
        store::open(name).map(Self)
    }

    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(key)
    }

    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.0.set(key, value)
    }

    /// A key that is not there is no error.
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key)
    }

    pub fn exists(&self, key: &str) -> Result<bool, Error> {
        self.0.exists(key)
    }

    /// Some keys, in no order, and the cursor for the next of them; `None` is the end.
    pub fn keys(&self, cursor: Option<&str>) -> Result<(Vec<String>, Option<String>), Error> {
        let page = self.0.list_keys(cursor)?;
        Ok((page.keys, page.cursor))
    }

    /// All keys, asked for some at a time. One that is there from the first to the last is among them, whatever else is
    /// written or deleted meanwhile.
    pub fn all_keys(&self) -> Keys<'_> {
        Keys {
            bucket: self,
            page: Vec::new().into_iter(),
            cursor: None,
            ended: false,
        }
    }

    /// Adds to a whole number, stored as text, 0 where the key is not there, and answers the sum.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        atomics::increment(&self.0, key, delta)
    }

    /// Looks at a key in order to swap its value if nobody else does in between.
    pub fn compare(&self, key: &str) -> Result<Compared, Error> {
        atomics::Cas::new(&self.0, key).map(Compared)
    }

    /// Changes a value, with nobody else's change in between: `change` gets what is there and answers what is to be there,
    /// or `None` to leave it. It is called again when somebody was faster; when others are so all the time, the answer is
    /// an error, 503 for the client. Answers what is there now.
    pub fn update(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&[u8]>) -> Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, crate::Error> {
        self.settle(key, |current| {
            let new = change(current.as_deref());
            let there = new.clone().or(current);
            Ok((new, there))
        })
    }

    /// `step`: from what is there to what is to be written, if anything, and what is answered then.
    fn settle<T>(
        &self,
        key: &str,
        mut step: impl FnMut(Option<Vec<u8>>) -> Result<(Option<Vec<u8>>, T), crate::Error>,
    ) -> Result<T, crate::Error> {
        let mut seen = self.compare(key)?;
        for _ in 0..ATTEMPTS {
            let (new, answer) = step(seen.current()?)?;
            let Some(new) = new else { return Ok(answer) };
            match seen.swap(&new)? {
                Swap::Done => return Ok(answer),
                Swap::Lost(newer) => seen = newer,
            }
        }
        Err(crate::Error::busy(format!(
            "keyvalue: others changed {key:?} {ATTEMPTS} times in a row"
        )))
    }

    /// The values in the order of the keys, all of one moment; 1,000 keys at most, and 16 MiB of values.
    pub fn get_many(&self, keys: &[String]) -> Result<Vec<Pair>, Error> {
        batch::get_many(&self.0, keys)
    }

    /// All or nothing; 1,000 pairs at most, and 16 MiB.
    pub fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), Error> {
        batch::set_many(&self.0, pairs)
    }

    /// All or nothing; 1,000 keys at most.
    pub fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        batch::delete_many(&self.0, keys)
    }
}

/// The keys of a bucket. After an error there are no more.
pub struct Keys<'a> {
    bucket: &'a Bucket,
    page: std::vec::IntoIter<String>,
    cursor: Option<String>,
    ended: bool,
}

impl Iterator for Keys<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.page.next() {
                return Some(Ok(key));
            }
            if self.ended {
                return None;
            }
            match self.bucket.keys(self.cursor.as_deref()) {
                Ok((page, cursor)) => {
                    self.page = page.into_iter();
                    self.ended = cursor.is_none();
                    self.cursor = cursor;
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// A key's value as it was seen: the first half of compare-and-swap.
pub struct Compared(atomics::Cas);

/// How a swap ended.
pub enum Swap {
    Done,
    /// Somebody else changed the value; this is how it is seen now.
    Lost(Compared),
}

impl Compared {
    /// The value as it was seen; `None` where there was none.
    pub fn current(&self) -> Result<Option<Vec<u8>>, Error> {
        self.0.current()
    }

    /// Writes `value` if the key's value is still the one that was seen.
    pub fn swap(self, value: &[u8]) -> Result<Swap, Error> {
        match atomics::swap(self.0, value) {
            Ok(()) => Ok(Swap::Done),
            Err(CasError::CasFailed(newer)) => Ok(Swap::Lost(Compared(newer))),
            Err(CasError::StoreError(error)) => Err(error),
        }
    }
}
