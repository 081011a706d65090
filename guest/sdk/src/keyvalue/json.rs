//! Values as JSON.

use super::Bucket;
use crate::Error;
use serde::{Serialize, de::DeserializeOwned};

impl Bucket {
    /// The value, parsed. An error: it is there, and is none that `T` can be parsed from.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let value = self.get(key)?;
        value.map(|bytes| parsed(key, &bytes)).transpose()
    }

    pub fn set_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        Ok(self.set(key, &written(key, value)?)?)
    }

    /// The value; where there is none, what `make` makes, which is kept for the next time. A value that `T` cannot be
    /// parsed from, such as one that another build wrote, counts as none.
    ///
    /// Of several requests that find none at the same time, each makes one, and the last is kept.
    pub fn get_or_set_json<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        make: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let kept = self.get(key)?;
        if let Some(value) = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(value);
        }
        let value = make()?;
        self.set_json(key, &value)?;
        Ok(value)
    }

    /// As [`Bucket::update`]: `change` gets the value, if there is one, and answers the new one.
    pub fn update_json<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<T, Error> {
        self.settle(key, |current| {
            let current = current.map(|bytes| parsed(key, &bytes)).transpose()?;
            let new = change(current);
            Ok((Some(written(key, &new)?), new))
        })
    }
}

fn parsed<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::internal(format!("keyvalue: the value of {key:?}: {error}")))
}

fn written<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value)
        .map_err(|error| Error::internal(format!("keyvalue: a value for {key:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_does_not_fit_is_an_error_with_its_key() {
        let value = written("k", &vec![1, 2]).unwrap();
        assert_eq!(parsed::<Vec<u8>>("k", &value).unwrap(), [1, 2]);
        for bad in [&b""[..], b"[1", b"\"text\"", b"\xff"] {
            let error = parsed::<Vec<u8>>("a key", bad).unwrap_err();
            assert_eq!((error.status(), error.message()), (500, "internal error"));
            assert!(error.detail().unwrap().contains("\"a key\""), "{error}");
        }
    }

    #[test]
    fn a_value_that_is_no_json_is_an_error() {
        let keys = std::collections::BTreeMap::from([(vec![1], 2)]);
        assert_eq!(written("k", &keys).unwrap_err().status(), 500);
    }
}
