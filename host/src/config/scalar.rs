//! Numbers, booleans, sizes and times out of the tree, each with its bounds.

use super::{
    cursor::{Field, Section, shown},
    duration,
    node::{Origin, Value},
    size,
};
use std::{ops::RangeInclusive, time::Duration};

impl Section<'_> {
    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        self.get(key)
            .and_then(|field| field.flag())
            .unwrap_or(default)
    }

    /// A whole number.
    pub(super) fn count(&self, key: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let wide = u64::from(*range.start())..=u64::from(*range.end());
        let number = self.get(key).and_then(|field| field.whole(wide));
        number
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(default)
    }

    /// Bytes.
    pub(super) fn size(&self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.get(key)
            .and_then(|field| field.size(range))
            .unwrap_or(default)
    }

    pub(super) fn time(
        &self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        self.get(key)
            .and_then(|field| field.time(range))
            .unwrap_or(default)
    }
}

impl Field<'_> {
    pub(super) fn flag(&self) -> Option<bool> {
        if let Value::Boolean(value) = self.node.value {
            return Some(value);
        }
        const TAKES: &str = "true or false";
        let (text, secret) = self.text(TAKES)?;
        match text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ if secret => self.out_of(TAKES, "", secret),
            _ => {
                self.refuse_kind(TAKES);
                None
            }
        }
    }

    /// A whole number, also as text.
    pub(super) fn whole(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let takes = format!("a whole number from {} to {}", range.start(), range.end());
        if let Value::Boolean(_) = self.node.value {
            self.refuse_kind(&takes);
            return None;
        }
        let (text, secret) = self.scalar(&takes)?;
        match text.trim().parse::<i128>() {
            Err(_) => self.out_of(&takes, "not a whole number", secret),
            Ok(number) => match u64::try_from(number) {
                Ok(number) if range.contains(&number) => Some(number),
                _ if number < i128::from(*range.start()) => {
                    self.out_of(&takes, "too small", secret)
                }
                _ => self.out_of(&takes, "too large", secret),
            },
        }
    }

    fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let takes = format!(
            "a size from {} to {}",
            size::written(*range.start()),
            size::written(*range.end())
        );
        if let Value::Boolean(_) = self.node.value {
            self.refuse_kind(&takes);
            return None;
        }
        let (text, secret) = self.scalar(&takes)?;
        match size::parse(&text) {
            Err(why) => self.out_of(&takes, why, secret),
            Ok(bytes) if bytes < *range.start() => self.out_of(&takes, "too small", secret),
            Ok(bytes) if bytes > *range.end() => self.out_of(&takes, "too large", secret),
            Ok(bytes) => Some(bytes),
        }
    }

    pub(super) fn time(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let takes = format!(
            "a time from {} to {}",
            duration::written(*range.start()),
            duration::written(*range.end())
        );
        let (time, secret) = match &self.node.value {
            Value::Map(_) => (self.parts()?, false),
            Value::Text(_) => {
                let (text, secret) = self.text(&takes)?;
                match duration::parse(&text) {
                    Ok(time) => (time, secret),
                    Err(why) => return self.out_of(&takes, why, secret),
                }
            }
            Value::Integer(_) | Value::Float(..) => {
                return self.out_of(&takes, "say the unit, as in `10s`", false);
            }
            _ => {
                self.refuse_kind(&takes);
                return None;
            }
        };
        if time < *range.start() {
            return self.out_of(&takes, "too short", secret);
        }
        if time > *range.end() {
            return self.out_of(&takes, "too long", secret);
        }
        Some(time)
    }

    /// Backstage's `{ minutes: 1, seconds: 30 }`.
    pub(super) fn parts(&self) -> Option<Duration> {
        let section = self.section()?;
        let mut total = Duration::ZERO;
        for (name, unit) in duration::PARTS {
            let number = section
                .get(name)
                .and_then(|field| field.whole(0..=1_000_000_000));
            // A billion weeks fit: no overflow.
            total += unit.saturating_mul(u32::try_from(number.unwrap_or(0)).unwrap_or(u32::MAX));
        }
        section.refuse_others();
        Some(total)
    }

    /// Notes that the value is not what the key takes. What came from elsewhere is not shown.
    pub(super) fn out_of<T>(&self, takes: &str, why: &str, secret: bool) -> Option<T> {
        let from = match self.node.origin {
            Origin::Written => None,
            Origin::Variable => Some("with this variable's value"),
            Origin::File => Some("with what this file holds"),
        };
        let label = match (from.filter(|_| secret), why) {
            (Some(from), "") => format!("not {from}"),
            (Some(from), why) => format!("{from}: {why}"),
            (None, why) => why.to_owned(),
        };
        self.refuse(format!("`{}` takes {takes}", shown(&self.path)), label, "");
        None
    }
}
