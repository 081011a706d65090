//! `Idempotency-Key`: a POST that is sent again answers what the first one answered, and makes nothing new.
//!
//! A record in the key-value store holds the item as it was created. It is written from none by compare-and-swap, so one
//! of several concurrent requests wins and picks the item's id and time. Every one of them then stores the item of the
//! record, where it is not stored yet: a winner that dies in between leaves no hole.

use crate::{
    database,
    input::NewTodo,
    item::{Item, hex},
};
use greenroom_sdk::{
    Error, Request,
    keyvalue::{Bucket, Compared, Swap},
    log,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long an answer is kept, in milliseconds: 24 hours.
const LIFETIME: i64 = 24 * 60 * 60 * 1000;
/// How often a swap is tried again before the client is asked to.
const ATTEMPTS: usize = 8;

/// A client's key, `1..=255` visible ASCII characters.
pub(crate) struct Key(String);

impl Key {
    /// The request's `Idempotency-Key`, if it has one.
    pub(crate) fn of(request: &Request) -> Result<Option<Self>, Error> {
        let Some(key) = request.header("idempotency-key") else {
            return Ok(None);
        };
        if !(1..=255).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::bad_request(
                "Idempotency-Key must be 1 to 255 visible ASCII characters",
            ));
        }
        Ok(Some(Self(key)))
    }

    /// The same key of two callers is two keys. No principal holds a NUL, so the two parts cannot be mistaken.
    fn record(&self, principal: &str) -> String {
        hex(&Sha256::new()
            .chain_update(principal)
            .chain_update([0])
            .chain_update(&self.0)
            .finalize())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// SHA-256 of the body that made it.
    body: String,
    item: Item,
    /// Milliseconds since 1970.
    expires: i64,
    /// Whether the item has been stored. From then on the record alone is answered, whatever happens to the item.
    done: bool,
}

/// The item that this key and body made, and whether it is answered again.
pub(crate) fn create(
    key: &Key,
    principal: &str,
    body: &[u8],
    new: NewTodo,
) -> Result<(Item, bool), Error> {
    let bucket = Bucket::open("idempotency")?;
    let key = key.record(principal);
    let now = jiff::Timestamp::now().as_millisecond();
    let mine = Record {
        body: hex(&Sha256::digest(body)),
        item: Item::new(new.title, new.entity_ref),
        expires: now.saturating_add(LIFETIME),
        done: false,
    };
    let (record, replayed) = agree(bucket.compare(&key)?, mine, now)?;
    if !record.done {
        database::create(&record.item)?;
        // The item is there; a mark that fails costs a look into the database next time, no more.
        if let Err(error) = mark_done(&bucket, &key, &record) {
            log::warn!("an Idempotency-Key could not be marked as done: {error}");
        }
    }
    Ok((record.item, replayed))
}

/// The record that holds from now on, `mine` unless there is one that has not expired, and whether it was there before.
fn agree(mut seen: Compared, mine: Record, now: i64) -> Result<(Record, bool), Error> {
    let bytes = encode(&mine)?;
    for _ in 0..ATTEMPTS {
        if let Some(record) = valid(seen.current()?.as_deref(), now)? {
            if record.body != mine.body {
                return Err(Error::new(
                    422,
                    "Idempotency-Key was used before with another body",
                ));
            }
            return Ok((record, true));
        }
        match seen.swap(&bytes)? {
            Swap::Done => return Ok((mine, false)),
            Swap::Lost(newer) => seen = newer,
        }
    }
    Err(Error::new(
        503,
        "too many requests with this Idempotency-Key at once, try again",
    )
    .with_header("retry-after", "1"))
}

/// The record in these bytes, unless it has expired.
fn valid(bytes: Option<&[u8]>, now: i64) -> Result<Option<Record>, Error> {
    let Some(bytes) = bytes else { return Ok(None) };
    let record: Record = serde_json::from_slice(bytes)
        .map_err(|error| Error::internal(format!("an idempotency record: {error}")))?;
    Ok(Some(record).filter(|record| record.expires > now))
}

fn encode(record: &Record) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(record)
        .map_err(|error| Error::internal(format!("an idempotency record: {error}")))
}

/// Marks the record as done if it is still this one; who else stored the item has marked it.
fn mark_done(bucket: &Bucket, key: &str, record: &Record) -> Result<(), Error> {
    let after = encode(&Record {
        body: record.body.clone(),
        item: record.item.clone(),
        done: true,
        ..*record
    })?;
    let seen = bucket.compare(key)?;
    let current = valid(seen.current()?.as_deref(), i64::MIN)?;
    if current.is_some_and(|current| !current.done && current.item.id == record.item.id) {
        seen.swap(&after)?;
    }
    Ok(())
}
