//! Names that are checked once and trusted afterwards.

use std::{fmt, str::FromStr, sync::Arc};

/// A plugin's id: `[a-z][a-z0-9-]{0,62}`, the path segment under `/api/` and the stem of its files.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginId(Arc<str>);

/// Ids that the configuration cannot name: under `plugins` these keys mean something else.
pub const NOT_CONFIGURABLE: [&str; 3] = ["directory", "state", "cache"];

/// Why a text is no [`PluginId`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPluginId(String);

impl PluginId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginId {
    type Err = InvalidPluginId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
        let rest = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if first && rest && text.len() <= 63 {
            Ok(Self(text.into()))
        } else {
            Err(InvalidPluginId(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for InvalidPluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no plugin id: it takes 1 to 63 of a-z, 0-9 and '-', the first of them a letter",
            self.0
        )
    }
}

impl std::error::Error for InvalidPluginId {}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for PluginId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for PluginId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A build's id: the SHA-256 of the component's bytes. Shown as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BuildId([u8; 32]);

/// The text is not 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidBuildId;

impl BuildId {
    /// The id of these bytes of a component.
    pub fn of(component: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(component).into())
    }

    /// The first 12 hex digits: enough to tell builds apart in a log line.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl FromStr for BuildId {
    type Err = InvalidBuildId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidBuildId)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for InvalidBuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a build id is 64 hex digits")
    }
}

impl std::error::Error for InvalidBuildId {}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_ids_follow_the_grammar() {
        for good in ["a", "todo", "a-b9-", &"x".repeat(63)] {
            assert_eq!(good.parse::<PluginId>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "A",
            "9a",
            "-a",
            "a_b",
            "a.b",
            "a/b",
            "ä",
            &"x".repeat(64),
        ] {
            assert!(bad.parse::<PluginId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn build_ids_round_trip() {
        let id = BuildId::of(b"abc");
        assert_eq!(
            id.to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("zz".parse::<BuildId>(), Err(InvalidBuildId));
    }
}
