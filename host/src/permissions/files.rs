//! The files that the operator names, read within bounds.

use super::mistake::Mistake;
use crate::config::open::{self, Unreadable};
use std::path::PathBuf;

/// Bytes of all policy files together.
const POLICIES: u64 = 1 << 20;
/// Bytes of all entity files together.
const ENTITIES: u64 = 32 << 20;

/// A file as it was read.
pub(super) struct Text {
    pub(super) file: PathBuf,
    pub(super) text: String,
}

pub(super) fn policies(files: &[PathBuf]) -> Result<Vec<Text>, Mistake> {
    read(files, POLICIES, "policies")
}

pub(super) fn entities(files: &[PathBuf]) -> Result<Vec<Text>, Mistake> {
    read(files, ENTITIES, "entities")
}

fn read(files: &[PathBuf], most: u64, what: &str) -> Result<Vec<Text>, Mistake> {
    let mut left = most;
    let mut texts = Vec::new();
    for file in files {
        let text = open::text(file, left).map_err(|why| match why {
            Unreadable::TooLarge(_) => Mistake::of(
                file,
                format!(
                    "with this file the {what} are larger than {} MiB",
                    most >> 20
                ),
            ),
            Unreadable::NotText(line) => {
                Mistake::of(file, format!("line {line} is not UTF-8")).help("save it as UTF-8 text")
            }
            Unreadable::Folder | Unreadable::NotPlain => Mistake::of(file, "it is no plain file")
                .help(format!("name each file of {what} itself")),
            other => {
                Mistake::of(file, format!("cannot read it: {}", other.why())).help(other.remedy(
                    "see that the configuration names the file that is meant",
                    "",
                    "",
                ))
            }
        })?;
        left = left.saturating_sub(text.len() as u64);
        texts.push(Text {
            file: file.clone(),
            text,
        });
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let good = file("a.cedar", "\u{feff}permit();".as_bytes());
        assert_eq!(
            policies(std::slice::from_ref(&good)).unwrap()[0].text,
            "permit();"
        );
        let refused = |files: &[PathBuf]| match policies(files) {
            Ok(_) => panic!("{files:?} are read"),
            Err(mistake) => mistake.to_string(),
        };
        let bad = file("b.cedar", b"//\n\xff");
        assert!(refused(&[bad]).ends_with("b.cedar: line 2 is not UTF-8; save it as UTF-8 text"));
        let large = file("c.cedar", &b" ".repeat((1 << 20) - 8));
        assert!(
            refused(&[good, large])
                .ends_with("c.cedar: with this file the policies are larger than 1 MiB")
        );
        let none = folder.path().join("none.cedar");
        assert!(refused(&[none]).contains("none.cedar: cannot read it: "));
        let itself = folder.path().to_owned();
        assert!(refused(&[itself]).contains("it is no plain file"));
    }
}
