//! Sizes in bytes: `128MiB`, `64KiB`, `1GiB`, `512`.

const UNITS: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Bytes, or what is wrong in a few words.
pub(super) fn parse(text: &str) -> Result<u64, &'static str> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim_start());
    if number.is_empty() || unit.starts_with('.') {
        return Err("not a size: write it as `128MiB`, `64KiB` or a number of bytes");
    }
    let factor = match unit {
        "" => 1,
        "kB" | "KB" | "MB" | "GB" | "TB" | "k" | "K" | "M" | "G" | "T" | "Ki" | "Mi" | "Gi"
        | "Ti" => {
            return Err("the units are KiB, MiB and GiB");
        }
        _ => {
            UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or("no such unit: KiB, MiB, GiB, or none for bytes")?
                .1
        }
    };
    let number: u64 = number.parse().map_err(|_| "too large")?;
    number.checked_mul(factor).ok_or("too large")
}

/// As a person would write it: in the largest unit that divides it.
pub(super) fn written(bytes: u64) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    match unit {
        Some((name, factor)) if *factor > 1 => format!("{}{name}", bytes / factor),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("7B", 7),
            ("64KiB", 64 << 10),
            ("128MiB", 128 << 20),
            (" 1 GiB ", 1 << 30),
            ("16TiB", 16 << 40),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            "1.5GiB",
            "1MB",
            "1M",
            "1mib",
            "1 x",
            "99999999999999999999",
            "99999999TiB",
            "ü",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_sizes() {
        assert_eq!(written(1 << 20), "1MiB");
        assert_eq!(written(1536 << 10), "1536KiB");
        assert_eq!(written(1000), "1000 bytes");
        assert_eq!(written(0), "0 bytes");
    }
}
