//! Where a page of the list ends: the place of its last item in the order, so that it works on when that item is gone.

use greenroom_sdk::Error;

/// The key of the list's order, which is newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) created_at: String,
    pub(crate) seq: i64,
}

impl Cursor {
    /// Opaque to clients, and safe in a URL.
    pub(crate) fn encode(&self) -> Result<String, Error> {
        match milliseconds(&self.created_at) {
            Some(time) => Ok(format!("{time:x}-{:x}", self.seq)),
            None => Err(Error::internal("a todo's created_at is no time")),
        }
    }

    pub(crate) fn decode(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (time, seq) = text.split_once('-')?;
            let (time, seq) = (number(time)?, number(seq)?);
            let created_at = format!("{:.3}", jiff::Timestamp::from_millisecond(time).ok()?);
            Some(Self { created_at, seq })
        };
        parse().ok_or_else(|| Error::bad_request("after is not a cursor of this list"))
    }
}

fn milliseconds(created_at: &str) -> Option<i64> {
    created_at
        .parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_millisecond)
}

/// Hex digits as [`Cursor::encode`] writes them: no sign, no capitals, no leading zero.
fn number(text: &str) -> Option<i64> {
    let number = i64::from_str_radix(text, 16).ok()?;
    (format!("{number:x}") == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip() {
        for (created_at, seq) in [
            ("2025-01-02T03:04:05.678Z", 42),
            ("1970-01-01T00:00:00.000Z", 0),
        ] {
            let cursor = Cursor {
                created_at: created_at.into(),
                seq,
            };
            assert_eq!(Cursor::decode(&cursor.encode().unwrap()).unwrap(), cursor);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "-",
            "a",
            "a-",
            "-a",
            "A-1",
            "+a-1",
            "a-1-1",
            "0a-1",
            "a-0x1",
            "ffffffffffffffff-1",
            "7fffffffffffffff-1",
            "a-ä",
        ] {
            let error = Cursor::decode(text).unwrap_err();
            assert_eq!(
                (error.status(), error.message()),
                (400, "after is not a cursor of this list"),
                "{text}"
            );
        }
    }
}
