//! Reading the file that `deploy` sends, with what can be told without a compiler.

use bytes::Bytes;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// What the host takes, bytes.
const MAX_COMPONENT: u64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("there is no file {0}")]
    Missing(String),
    #[error("{0} is a folder; name the .wasm file in it")]
    Folder(String),
    #[error("cannot read {0}: {1}")]
    Unreadable(String, io::Error),
    #[error("{0} is empty")]
    Empty(String),
    #[error("{0} is larger than 64MiB, the most that a host takes")]
    TooLarge(String),
    #[error("{0} is no WebAssembly: it does not begin with `\\0asm`")]
    NotWasm(String),
    #[error(
        "{0} is a WebAssembly core module, not a component: build it for the target wasm32-wasip2"
    )]
    CoreModule(String),
}

pub(super) fn read(path: &Path) -> Result<Bytes, Unfit> {
    let name = || path.display().to_string();
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Unfit::Missing(name()),
        io::ErrorKind::IsADirectory => Unfit::Folder(name()),
        _ => Unfit::Unreadable(name(), error),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refused)?;
    file.take(MAX_COMPONENT + 1)
        .read_to_end(&mut bytes)
        .map_err(refused)?;
    match bytes.as_slice() {
        [] => Err(Unfit::Empty(name())),
        _ if bytes.len() as u64 > MAX_COMPONENT => Err(Unfit::TooLarge(name())),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(Unfit::CoreModule(name())),
        [0, b'a', b's', b'm', ..] => Ok(bytes.into()),
        _ => Err(Unfit::NotWasm(name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<Bytes, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path()).map_err(|error| {
            error
                .to_string()
                .replace(&file.path().display().to_string(), "x.wasm")
        })
    }

    #[test]
    fn takes_components_only() {
        let component = b"\0asm\x0d\0\x01\0rest";
        assert_eq!(read_bytes(component).unwrap(), &component[..]);
        for (bytes, why) in [
            (&b""[..], "x.wasm is empty"),
            (
                b"#!/bin/sh",
                "x.wasm is no WebAssembly: it does not begin with `\\0asm`",
            ),
            (
                b"\0as",
                "x.wasm is no WebAssembly: it does not begin with `\\0asm`",
            ),
            (
                b"\0asm\x01\0\0\0",
                "x.wasm is a WebAssembly core module, not a component: build it for the target wasm32-wasip2",
            ),
        ] {
            assert_eq!(read_bytes(bytes).unwrap_err(), why);
        }
    }

    #[test]
    fn says_what_is_wrong_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(Unfit::Folder(_))));
        assert!(matches!(
            read(&folder.path().join("x.wasm")),
            Err(Unfit::Missing(_))
        ));
    }

    #[test]
    fn refuses_more_than_the_host_takes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"\0asm\x0d\0\x01\0").unwrap();
        file.as_file().set_len(MAX_COMPONENT + 1).unwrap();
        assert!(matches!(read(file.path()), Err(Unfit::TooLarge(_))));
        file.as_file().set_len(MAX_COMPONENT).unwrap();
        assert!(read(file.path()).is_ok());
    }
}
