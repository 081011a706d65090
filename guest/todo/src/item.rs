//! A todo, as the API shows it.

use greenroom_sdk::sql::{Error, FromRow, Row};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fmt::Write};

/// The fields in the order in which the API answers them. An item out of the database borrows from its row; one out of
/// JSON has texts of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) title: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entity_ref: Option<Cow<'a, str>>,
    pub(crate) created_at: Cow<'a, str>,
    pub(crate) completed: bool,
}

impl Item<'static> {
    /// A new todo: who makes it picks its id and its time.
    pub(crate) fn new(title: String, entity_ref: Option<String>) -> Self {
        Self {
            id: uuid::Uuid::now_v7().to_string().into(),
            title: title.into(),
            entity_ref: entity_ref.map(Cow::Owned),
            // RFC 3339 in UTC, always with milliseconds, so that the texts sort as the times do.
            created_at: format!("{:.3}", jiff::Timestamp::now()).into(),
            completed: false,
        }
    }
}

impl Item<'_> {
    /// Compact JSON, the keys in their order.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and a boolean can be written as JSON")
    }
}

/// The strong entity tag of a representation: 128 bits of its SHA-256.
pub(crate) fn etag(representation: &[u8]) -> String {
    format!("\"{}\"", hex(&Sha256::digest(representation)[..16]))
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Columns: id, title, entity_ref, created_at, completed.
impl<'a> FromRow<'a> for Item<'a> {
    fn from_row(row: Row<'a>) -> Result<Self, Error> {
        Ok(Self {
            id: row.get::<&str>(0)?.into(),
            title: row.get::<&str>(1)?.into(),
            entity_ref: row.get::<Option<&str>>(2)?.map(Cow::Borrowed),
            created_at: row.get::<&str>(3)?.into(),
            completed: row.get(4)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_have_their_order() {
        let mut item = Item::new("a \"b\"\u{1}".into(), Some("component:default/x".into()));
        item.id = "I".into();
        item.created_at = "C".into();
        assert_eq!(
            String::from_utf8(item.to_json()).unwrap(),
            r#"{"id":"I","title":"a \"b\"\u0001","entityRef":"component:default/x","createdAt":"C","completed":false}"#
        );
        item.entity_ref = None;
        let json = item.to_json();
        assert_eq!(
            str::from_utf8(&json).unwrap(),
            r#"{"id":"I","title":"a \"b\"\u0001","createdAt":"C","completed":false}"#
        );
        assert_eq!(serde_json::from_slice::<Item<'_>>(&json).unwrap(), item);
    }

    #[test]
    fn a_new_item_has_a_uuid_and_a_time_with_milliseconds() {
        let item = Item::new("a".into(), None);
        assert_eq!(item.id.len(), 36);
        assert_eq!(item.id, item.id.to_ascii_lowercase());
        let time = item.created_at.as_bytes();
        assert_eq!(
            (time.len(), time[10], time[19], time[23]),
            (24, b'T', b'.', b'Z')
        );
        assert!(item.created_at.parse::<jiff::Timestamp>().is_ok());
    }

    #[test]
    fn the_tag_changes_with_the_item() {
        let item = Item::new("a".into(), None);
        let changed = Item {
            completed: true,
            ..item.clone()
        };
        assert_ne!(etag(&item.to_json()), etag(&changed.to_json()));
        assert_eq!(etag(b"abc"), "\"ba7816bf8f01cfea414140de5dae2223\"");
    }
}
