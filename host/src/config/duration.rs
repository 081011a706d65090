//! Times: `500ms`, `10s`, `5m`, `24h`, `7d`, and several such parts in a row: `1m30s`.

use std::time::Duration;

const UNITS: [(&str, Duration); 5] = [
    ("d", Duration::from_secs(86_400)),
    ("h", Duration::from_secs(3600)),
    ("m", Duration::from_secs(60)),
    ("s", Duration::from_secs(1)),
    ("ms", Duration::from_millis(1)),
];

/// The keys of Backstage's duration object.
pub(super) const PARTS: [(&str, Duration); 6] = [
    ("weeks", Duration::from_secs(604_800)),
    ("days", Duration::from_secs(86_400)),
    ("hours", Duration::from_secs(3600)),
    ("minutes", Duration::from_secs(60)),
    ("seconds", Duration::from_secs(1)),
    ("milliseconds", Duration::from_millis(1)),
];

/// The time, or what is wrong in a few words.
pub(super) fn parse(text: &str) -> Result<Duration, &'static str> {
    const SHAPE: &str = "not a time: write it as `500ms`, `10s`, `5m` or `24h`";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(SHAPE);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = (&rest[..digits], rest[digits..].trim_start());
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if number.is_empty() || after.starts_with('.') {
            return Err(SHAPE);
        }
        if unit.is_empty() {
            return Err("say the unit, as in `10s`");
        }
        let unit = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or("no such unit: ms, s, m, h or d")?
            .1;
        let part = number
            .parse()
            .ok()
            .and_then(|number| unit.checked_mul(number))
            .ok_or("too long")?;
        total = total.checked_add(part).ok_or("too long")?;
        rest = after.trim_start();
    }
    Ok(total)
}

/// As a person would write it: in the largest unit that divides it.
pub(super) fn written(time: Duration) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, unit)| time >= *unit && time.as_nanos().is_multiple_of(unit.as_nanos()));
    let (name, unit) = unit.unwrap_or(&UNITS[3]);
    format!("{}{name}", time.as_nanos() / unit.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("0s", 0),
            (" 5 m ", 300_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("1m30s", 90_000),
            ("1h 5ms", 3_600_005),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "10sec",
            "10S",
            "1m30",
            "PT10S",
            "99999999999s",
            "4294967295d9999999999ms",
            "ü",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_times() {
        for text in ["0s", "500ms", "90s", "5m", "24h"] {
            assert_eq!(parse(&written(parse(text).unwrap())), parse(text));
        }
        assert_eq!(written(Duration::from_secs(90)), "90s");
        assert_eq!(written(Duration::ZERO), "0s");
    }
}
