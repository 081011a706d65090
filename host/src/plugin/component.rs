//! From bytes to a component that the host can link: complete, compiled, with imports and exports that fit.

use super::{
    link,
    load_error::{LoadError, Stage},
};
use crate::{
    engine::Engine,
    id::{BuildId, PluginId},
};
use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use std::{path::Path, sync::Arc, time::Duration};
use wasmtime::component::Component;

/// Bytes of a component, at most.
pub const MAX_COMPONENT: u64 = 64 << 20;

/// A copy that has not grown for this long is not going on.
const STALLED: Duration = Duration::from_secs(5);

const CUT_OFF: &str = "the file is cut off: its last section is not complete";

/// The interface of every plugin.
const HANDLER: &str = "wasi:http/incoming-handler@0.2.";

/// Says what a file is when it is no component, before the compiler sees it.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    let refuse = |message: &str| Err(LoadError::new(Stage::File, message));
    if bytes.len() as u64 > MAX_COMPONENT {
        return refuse("the file is larger than 64 MiB");
    }
    match bytes {
        [] => refuse("the file is empty"),
        [b'\0', b'a', b's', b'm', 0x0d, 0, 1, 0, sections @ ..] if is_whole(sections) => Ok(()),
        [b'\0', b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => refuse(CUT_OFF),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => refuse(
            "the file is a core WebAssembly module, not a component: build it for the target wasm32-wasip2, \
             or turn it into a component with `wasm-tools component new`",
        ),
        [b'\0', b'a', b's', b'm', ..] if bytes.len() >= 8 => {
            refuse("the file is WebAssembly of a version that this host does not know")
        }
        [b'\0', ..] if b"\0asm".starts_with(&bytes[..bytes.len().min(4)]) => {
            refuse("the file is cut off in its first 8 bytes")
        }
        _ => refuse("the file is not WebAssembly: it does not start with \\0asm"),
    }
}

/// Whether the last section ends where the file ends. A component is a row of sections: an id, a length in LEB128, and
/// that many bytes (the component model's binary format).
fn is_whole(mut sections: &[u8]) -> bool {
    while let [_id, rest @ ..] = sections {
        let after = leb128(rest).and_then(|(length, used)| rest.get(used..)?.get(length..));
        match after {
            Some(after) => sections = after,
            None => return false,
        }
    }
    true
}

/// An unsigned number of at most 32 bits, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// Whether the file is the first part of a component, written to a moment ago: a copy over a slow line.
pub(super) fn is_arriving(path: &Path) -> bool {
    let young = |at: std::time::SystemTime| at.elapsed().is_ok_and(|age| age < STALLED);
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified());
    modified.is_ok_and(young)
        && read_file(path)
            .is_ok_and(|bytes| check_header(&bytes).is_err_and(|e| e.message == CUT_OFF))
}

/// Compiles (or finds compiled), and names every import that is missing and the export that is.
///
/// `plugin`: whose it is, where that is known.
pub(super) async fn load(
    engine: &Engine,
    id: BuildId,
    bytes: Bytes,
    plugin: Option<&PluginId>,
) -> Result<Arc<Component>, LoadError> {
    check_header(&bytes)?;
    let component = engine
        .cache()
        .load(engine.wasmtime(), id, bytes, plugin)
        .await
        .map_err(LoadError::at(Stage::Compile))?;
    check(&component)?;
    Ok(component)
}

/// Whether this host can link it and call it.
pub(super) fn check(component: &Component) -> Result<(), LoadError> {
    check_imports(component)?;
    check_exports(component)
}

fn check_imports(component: &Component) -> Result<(), LoadError> {
    let missing = link::missing(component);
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing
        .into_iter()
        .map(|m| match m.offered {
            Some(offered) => format!("{} (this host has {offered})", m.import),
            None => m.import,
        })
        .collect();
    Err(LoadError::new(
        Stage::Imports,
        format!(
            "the component imports what this host does not have: {}",
            list.join(", ")
        ),
    ))
}

fn check_exports(component: &Component) -> Result<(), LoadError> {
    let ty = component.component_type();
    let exports: Vec<&str> = ty
        .exports(component.engine())
        .map(|(name, _)| name)
        .collect();
    if exports.iter().any(|name| name.starts_with(HANDLER)) {
        return Ok(());
    }
    let has = if exports.is_empty() {
        "nothing".to_owned()
    } else {
        exports.join(", ")
    };
    Err(LoadError::new(
        Stage::Exports,
        format!(
            "the component does not export wasi:http/incoming-handler@0.2, which answers requests; it exports {has}"
        ),
    ))
}

/// The bytes of a file that should hold a component.
pub(super) fn read_file(path: &Path) -> Result<Bytes, LoadError> {
    use std::io::Read;
    let fail = |error: std::io::Error| {
        LoadError::new(
            Stage::File,
            format!("cannot read {}: {error}", path.display()),
        )
    };
    // The watcher saw a plain file; what lies there now may be a pipe, which without NONBLOCK waits for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| fail(error.into()))?;
    let file = std::fs::File::from(file);
    let meta = file.metadata().map_err(fail)?;
    if !meta.is_file() {
        return Err(fail(std::io::Error::other("it is no plain file")));
    }
    let size = meta.len().min(MAX_COMPONENT);
    // As large as the file from the start: growing would leave holes of its size all over the heap.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // One byte more, so that a file that is too large is told from one that is just not.
    file.take(MAX_COMPONENT + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::check_header;

    #[test]
    fn a_component_is_whole_when_its_last_section_is() {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend([0, 3, 1, b'x', b'y', 0, 0x81, 0x00, b'z']);
        check_header(&bytes).unwrap();
        for cut in [9, 10, 12, 14, 15, 16] {
            let error = check_header(&bytes[..cut]).unwrap_err();
            assert_eq!(error.message, super::CUT_OFF, "{cut}");
        }
    }

    #[test]
    fn says_what_a_file_is_when_it_is_no_component() {
        let cases: [(&[u8], &str); 7] = [
            (b"", "empty"),
            (b"\0a", "cut off"),
            (b"\0asm\x01\0", "cut off"),
            (b"\0asm\x01\0\0\0rest", "core WebAssembly module"),
            (b"\0asm\x0c\0\x01\0", "version"),
            (b"PK\x03\x04", "not WebAssembly"),
            (b"\0elf", "not WebAssembly"),
        ];
        for (bytes, part) in cases {
            let error = check_header(bytes).unwrap_err();
            assert!(error.message.contains(part), "{bytes:?}: {error}");
        }
        check_header(b"\0asm\x0d\0\x01\0").unwrap();
    }
}
