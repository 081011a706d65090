//! From bytes to a component that the host can link: complete, compiled, with imports and exports that fit.

use super::{
    link,
    load_error::{LoadError, Stage},
};
use crate::{engine::Engine, id::BuildId};
use bytes::Bytes;
use std::path::Path;
use wasmtime::component::Component;

/// Bytes of a component, at most.
pub const MAX_COMPONENT: u64 = 64 << 20;

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
        [b'\0', b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
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

/// Compiles (or finds compiled), and names every import that is missing and the export that is.
pub(super) async fn load(
    engine: &Engine,
    id: BuildId,
    bytes: Bytes,
) -> Result<Component, LoadError> {
    check_header(&bytes)?;
    let component = engine
        .cache()
        .load(engine.wasmtime(), id, bytes)
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
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
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
