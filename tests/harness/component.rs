//! The components under test, as `cargo xtask build` leaves them.

use std::path::{Path, PathBuf};

/// The top of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
        .to_owned()
}

fn built(path: &str) -> Vec<u8> {
    let path = repository().join("target").join(path);
    std::fs::read(&path)
        .unwrap_or_else(|e| panic!("{}: {e}: run `cargo xtask build` first", path.display()))
}

/// The todo plugin.
pub fn todo() -> Vec<u8> {
    built("plugins/todo.wasm")
}

/// A component of `tests/fixtures`.
pub fn fixture(name: &str) -> Vec<u8> {
    built(&format!("fixtures/{name}.wasm"))
}

/// The same component with other bytes, and so another build: a custom section at its end.
pub fn variant(component: &[u8], mark: &str) -> Vec<u8> {
    let name = b"greenroom-test";
    let mut section = vec![u8::try_from(name.len()).expect("short")];
    section.extend_from_slice(name);
    section.extend_from_slice(mark.as_bytes());
    let mut bytes = component.to_vec();
    bytes.push(0);
    let mut length = section.len();
    loop {
        let low = u8::try_from(length & 0x7f).expect("7 bits");
        length >>= 7;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(&section);
    bytes
}

/// The chameleon fixture with this behaviour: `key=value;` pairs, see its source.
pub fn chameleon(behaviour: &str) -> Vec<u8> {
    patched("chameleon", b"GREENROOM-FIXTURE:", 1024, behaviour)
}

/// The fixture whose section of the configuration has this schema, see its source.
pub fn configured(schema: &str) -> Vec<u8> {
    patched("configured", b"GREENROOM-SCHEMA:", 8192, schema)
}

/// A fixture with `text` behind its marker, in `room` bytes that start with it.
fn patched(name: &str, marker: &[u8], room: usize, text: &str) -> Vec<u8> {
    let mut bytes = fixture(name);
    let at = bytes
        .windows(marker.len())
        .position(|w| w == marker)
        .expect("the fixture has its marker");
    let room = &mut bytes[at + marker.len()..at + room];
    assert!(text.len() <= room.len(), "the text is too long");
    room.fill(b' ');
    room[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

/// The optional export, and a name that no host asks for.
const UNARY: &[u8] = b"greenroom:http/handler@0.1.0";
const UNKNOWN: &[u8] = b"elsewhere:http/handler@0.1.0";

/// The same component as one that does not export `greenroom:http/handler`: the host calls it through wasi:http alone.
pub fn without_unary(component: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let places: Vec<_> = bytes
        .windows(UNARY.len())
        .enumerate()
        .filter(|(_, window)| *window == UNARY)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the component has the export");
    for at in places {
        bytes[at..at + UNARY.len()].copy_from_slice(UNKNOWN);
    }
    bytes
}
