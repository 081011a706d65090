//! The files that the operator names, read within bounds.

use super::mistake::Mistake;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

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
        let text = read_one(file, left).map_err(|why| match why {
            Unread::TooLarge => Mistake::of(
                file,
                format!(
                    "with this file the {what} are larger than {} MiB",
                    most >> 20
                ),
            ),
            Unread::NotUtf8(line) => {
                Mistake::of(file, format!("line {line} is not UTF-8")).help("save it as UTF-8 text")
            }
            Unread::NoFile => Mistake::of(file, "it is no plain file")
                .help(format!("name each file of {what} itself")),
            Unread::Io(error) => Mistake::of(file, format!("cannot read it: {error}")),
        })?;
        left = left.saturating_sub(text.len() as u64);
        texts.push(Text {
            file: file.clone(),
            text,
        });
    }
    Ok(texts)
}

enum Unread {
    TooLarge,
    /// The line, from 1.
    NotUtf8(usize),
    /// A folder, a socket, a pipe that nobody writes to.
    NoFile,
    Io(io::Error),
}

fn read_one(path: &Path, most: u64) -> Result<String, Unread> {
    // Looked at before it is opened: to open a pipe waits for who writes to it.
    if !std::fs::metadata(path).map_err(Unread::Io)?.is_file() {
        return Err(Unread::NoFile);
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Unread::Io)?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(Unread::Io)?;
    if bytes.len() as u64 > most {
        return Err(Unread::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Unread::NotUtf8(valid.iter().filter(|byte| **byte == b'\n').count() + 1)
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
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
