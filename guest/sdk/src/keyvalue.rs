//! The plugin's key-value store: values that every instance and every build of the plugin sees, as durable as its
//! database, but outside of the database's transactions.

use crate::bindings::wasi::keyvalue::{
    atomics::{self, CasError},
    batch, store,
};

pub use store::Error;

/// A key, and its value where it has one.
pub type Pair = (String, Option<Vec<u8>>);

/// A space of keys of its own. Its name is `[a-z0-9._-]{1,64}`; a plugin has at most 64 of them.
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

    /// Adds to a number, 0 where the key is not there, and answers the sum.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        atomics::increment(&self.0, key, delta)
    }

    /// Looks at a key in order to swap its value if nobody else does in between.
    pub fn compare(&self, key: &str) -> Result<Compared, Error> {
        atomics::Cas::new(&self.0, key).map(Compared)
    }

    pub fn get_many(&self, keys: &[String]) -> Result<Vec<Pair>, Error> {
        batch::get_many(&self.0, keys)
    }

    pub fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), Error> {
        batch::set_many(&self.0, pairs)
    }

    pub fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        batch::delete_many(&self.0, keys)
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
