//! Values that count: whole numbers of 64 bits as text, with or without a sign.

use super::error::{KvError, shown};

/// Bytes of a text that is looked at: zeros may lead.
const LONGEST: usize = 64;

/// `current` (none: 0) and `delta`, a number of 64 bits itself, as the text to store and as what the caller counts in.
pub(super) fn added<N: TryFrom<i128>>(
    current: Option<&[u8]>,
    delta: i128,
    key: &str,
) -> Result<(String, N), KvError> {
    let number = match current {
        None => 0,
        Some(bytes) => read(bytes).ok_or_else(|| KvError::NotANumber(shown(key)))?,
    };
    // Neither has more than 64 bits.
    let sum = number + delta;
    match N::try_from(sum) {
        Ok(counted) => Ok((sum.to_string(), counted)),
        Err(_) => Err(KvError::Overflow(shown(key))),
    }
}

fn read(bytes: &[u8]) -> Option<i128> {
    let short = Some(bytes).filter(|bytes| bytes.len() <= LONGEST)?;
    let number = str::from_utf8(short).ok()?.parse::<i128>().ok()?;
    (i128::from(i64::MIN)..=i128::from(u64::MAX))
        .contains(&number)
        .then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(current: &str, delta: i64) -> Result<(String, i64), KvError> {
        added(Some(current.as_bytes()), delta.into(), "k")
    }

    fn unsigned(current: &str, delta: u64) -> Result<(String, u64), KvError> {
        added(Some(current.as_bytes()), delta.into(), "k")
    }

    #[test]
    fn sums_stay_in_the_range_of_who_counts() {
        let most = u64::MAX.to_string();
        assert_eq!(signed("5", -7), Ok(("-2".into(), -2)));
        assert_eq!(signed("007", 0), Ok(("7".into(), 7)));
        assert_eq!(unsigned("-2", 2), Ok(("0".into(), 0)));
        assert_eq!(unsigned(&most, 0), Ok((most.clone(), u64::MAX)));
        // What only the other can count is no mistake of the value.
        assert_eq!(
            signed(&most, i64::MIN),
            Ok((i64::MAX.to_string(), i64::MAX))
        );
        for overflow in [signed(&most, 0), signed(&i64::MIN.to_string(), -1)] {
            assert_eq!(overflow, Err(KvError::Overflow("k".into())));
        }
        for overflow in [unsigned("-2", 1), unsigned(&most, 1)] {
            assert_eq!(overflow, Err(KvError::Overflow("k".into())));
        }
        assert_eq!(added::<i64>(None, -3, "k"), Ok(("-3".into(), -3)));
    }

    #[test]
    fn other_values_are_no_numbers() {
        let (below, above) = ("-9223372036854775809", "18446744073709551616");
        for bad in [
            "",
            "x",
            "1.5",
            " 1",
            "1 ",
            "0x1",
            below,
            above,
            &"0".repeat(65),
        ] {
            assert_eq!(
                signed(bad, 0),
                Err(KvError::NotANumber("k".into())),
                "{bad}"
            );
        }
        let no_text = added::<i64>(Some(&[0xff]), 0, &"k".repeat(100));
        assert_eq!(no_text, Err(KvError::NotANumber("k".repeat(80))));
    }
}
