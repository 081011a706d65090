//! One page of a listing, and where the next one begins.

use super::error::KvError;

/// Keys of one page.
const KEYS: usize = 1000;

/// Bytes of the keys of one page.
const BYTES: usize = 1 << 20;

/// How many to look for: whether there are more is known by the one that has no place any more.
pub(super) const LOOKED_FOR: u32 = 1001;

#[derive(Debug, Default)]
pub(super) struct Page {
    keys: Vec<String>,
    bytes: usize,
    /// When the last of the keys was made, among all.
    age: u64,
    more: bool,
}

impl Page {
    /// False: the page is full without it. `age`: grows with each key that is made.
    pub(super) fn add(&mut self, key: &str, age: u64) -> bool {
        let bytes = self.bytes + key.len();
        let full = self.keys.len() >= KEYS || (bytes > BYTES && !self.keys.is_empty());
        if full {
            self.more = true;
        } else {
            self.keys.push(key.to_owned());
            (self.bytes, self.age) = (bytes, age);
        }
        !full
    }

    /// With a cursor for [`after`] where there are more, in the order of their bytes.
    pub(super) fn by_name(self) -> (Vec<String>, Option<String>) {
        let last = self.keys.last().filter(|_| self.more).map(hex::encode);
        (self.keys, last)
    }

    /// The same in the order in which keys were made; the cursor is the last one's age.
    pub(super) fn by_age(self) -> (Vec<String>, Option<u64>) {
        (self.keys, self.more.then_some(self.age))
    }
}

/// The key behind which the page of this cursor begins; empty: the first.
pub(super) fn after(cursor: Option<String>) -> Result<String, KvError> {
    let Some(cursor) = cursor else {
        return Ok(String::new());
    };
    hex::decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|key| !key.is_empty())
        .ok_or(KvError::InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_in_keys_and_in_bytes() {
        assert_eq!(LOOKED_FOR as usize, KEYS + 1);
        let mut page = Page::default();
        for age in 1..=1000 {
            assert!(page.add(&format!("key {age}"), age));
        }
        assert!(!page.add("more", 1001));
        let (keys, cursor) = page.by_name();
        assert_eq!(
            (keys.len(), keys.last().unwrap().as_str()),
            (1000, "key 1000")
        );
        assert_eq!(after(cursor), Ok("key 1000".into()));

        let mut page = Page::default();
        let long = "x".repeat(BYTES);
        assert!(page.add(&long, 7), "one has its place however long it is");
        assert!(!page.add("y", 8));
        assert_eq!(page.by_age(), (vec![long], Some(7)));

        let mut last = Page::default();
        assert!(last.add("z", 9));
        assert_eq!(last.by_name(), (vec!["z".into()], None));
        assert_eq!(Page::default().by_age(), (vec![], None));
    }

    #[test]
    fn a_cursor_is_one_that_a_page_gave() {
        assert_eq!(after(None), Ok(String::new()));
        for bad in ["", "zz", "ff", "6"] {
            assert_eq!(
                after(Some(bad.into())),
                Err(KvError::InvalidCursor),
                "{bad}"
            );
        }
    }
}
