//! Reading a file of the configuration, or one that it names.

use rustix::fs::{Mode, OFlags};
use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
};

/// Why a file is not read.
#[derive(Debug)]
pub enum Unreadable {
    Missing,
    Folder,
    /// A pipe, a socket, a device.
    NotPlain,
    Denied,
    /// More bytes than may be.
    TooLarge(u64),
    /// The line that is not UTF-8.
    NotText(usize),
    Other(io::Error),
}

/// The text of a plain file of at most `most` bytes, without a byte order mark.
pub fn text(path: &Path, most: u64) -> Result<String, Unreadable> {
    // A pipe would keep an open without NONBLOCK waiting for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| of(e.into()))?;
    let file = File::from(file);
    let kind = file.metadata().map_err(of)?.file_type();
    if kind.is_dir() {
        return Err(Unreadable::Folder);
    }
    if !kind.is_file() {
        return Err(Unreadable::NotPlain);
    }
    let mut bytes = Vec::new();
    // One byte more, so that a file that is too large is told from one that is just not.
    file.take(most + 1).read_to_end(&mut bytes).map_err(of)?;
    if bytes.len() as u64 > most {
        return Err(Unreadable::TooLarge(most));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Unreadable::NotText(before.iter().filter(|b| **b == b'\n').count() + 1)
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn of(error: io::Error) -> Unreadable {
    match error.kind() {
        ErrorKind::NotFound => Unreadable::Missing,
        ErrorKind::IsADirectory => Unreadable::Folder,
        ErrorKind::PermissionDenied => Unreadable::Denied,
        _ => Unreadable::Other(error),
    }
}

impl Unreadable {
    /// In the words of a message.
    pub fn why(&self) -> String {
        match self {
            Self::Missing => "there is no such file".to_owned(),
            Self::Folder => "it is a folder".to_owned(),
            Self::NotPlain => "it is no plain file".to_owned(),
            Self::Denied => "permission denied".to_owned(),
            Self::TooLarge(most) => format!("it is larger than {}", super::size::written(*most)),
            Self::NotText(line) => format!("line {line} is not UTF-8"),
            Self::Other(error) => error.to_string(),
        }
    }

    /// What to do about it; `missing` where there is no file, `folder` and `large` likewise.
    pub fn remedy(
        &self,
        missing: &'static str,
        folder: &'static str,
        large: &'static str,
    ) -> &'static str {
        match self {
            Self::Missing => missing,
            Self::Folder => folder,
            Self::NotPlain => {
                "a pipe or a device cannot be read again after a change: write it to a file"
            }
            Self::Denied => "let the user that runs greenroom read it",
            Self::TooLarge(_) => large,
            Self::NotText(_) => "save it as UTF-8 text",
            Self::Other(_) => "check the file and its folder",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_files_of_text_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("text"), "\u{feff}a\nb").unwrap();
        assert_eq!(text(&path("text"), 6).unwrap(), "a\nb");
        assert!(matches!(
            text(&path("text"), 5),
            Err(Unreadable::TooLarge(5))
        ));
        std::fs::write(path("latin"), b"a\nb\n\xe9").unwrap();
        assert!(matches!(
            text(&path("latin"), 9),
            Err(Unreadable::NotText(3))
        ));
        assert!(matches!(text(&path("none"), 9), Err(Unreadable::Missing)));
        assert!(matches!(text(folder.path(), 9), Err(Unreadable::Folder)));
        // Nobody ever writes to it: it is not waited for.
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), Mode::RWXU).unwrap();
        assert!(matches!(text(&path("pipe"), 9), Err(Unreadable::NotPlain)));
        assert!(matches!(
            text(Path::new("/dev/zero"), 9),
            Err(Unreadable::NotPlain)
        ));
    }
}
