//! Where a page of the list ends, as clients see it: the time and the number of its last item, in hexadecimal.

use jiff::Timestamp;

/// The key of the list's order.
#[derive(Debug, PartialEq)]
pub(crate) struct Cursor {
    pub(crate) created_at: String,
    pub(crate) seq: i64,
}

impl Cursor {
    /// None: the time is none.
    pub(crate) fn encode(&self) -> Option<String> {
        let time: Timestamp = self.created_at.parse().ok()?;
        Some(format!("{:x}-{:x}", time.as_millisecond(), self.seq))
    }

    pub(crate) fn decode(text: &str) -> Option<Self> {
        let (time, seq) = text.split_once('-')?;
        let (time, seq) = (number(time)?, number(seq)?);
        let created_at = format!("{:.3}", Timestamp::from_millisecond(time).ok()?);
        Some(Self { created_at, seq })
    }
}

/// No sign, no capitals, no leading zero.
fn number(text: &str) -> Option<i64> {
    let number = i64::from_str_radix(text, 16).ok()?;
    (format!("{number:x}") == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip() {
        let cursor = Cursor::decode("1a204a39b98-2").unwrap();
        assert_eq!(cursor.created_at, "2026-11-22T19:02:40.792Z");
        assert_eq!(cursor.encode().unwrap(), "1a204a39b98-2");
        for bad in ["", "-", "a", "A-1", "0a-1", "+a-1", "7fffffffffffffff-1"] {
            assert_eq!(Cursor::decode(bad), None, "{bad}");
        }
    }
}
