//! What a file is by its first bytes and the lengths of its sections. The bytes are anybody's.

use super::load_error::{LoadError, Stage};

/// Bytes of a component, at most.
pub const MAX_COMPONENT: u64 = 64 << 20;

const CUT_OFF: &str = "the file is cut off: its last section is not complete";

/// Says what a file is when it is no component, before the compiler sees it.
pub fn check(bytes: &[u8]) -> Result<(), LoadError> {
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

/// Whether it is the first part of a component.
pub(super) fn is_cut_off(bytes: &[u8]) -> bool {
    check(bytes).is_err_and(|error| error.message == CUT_OFF)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_component_is_whole_when_its_last_section_is() {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend([0, 3, 1, b'x', b'y', 0, 0x81, 0x00, b'z']);
        check(&bytes).unwrap();
        for cut in [9, 10, 12, 14, 15, 16] {
            let error = check(&bytes[..cut]).unwrap_err();
            assert_eq!(error.message, super::CUT_OFF, "{cut}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_row_of_sections_is_whole_and_no_part_of_its_last_is(
            sections in proptest::collection::vec((0..=11_u8, 0..300_usize), 1..5),
            cut in 0..10_000_usize,
        ) {
            let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
            let mut ends = vec![8];
            for (id, length) in sections {
                bytes.push(id);
                // LEB128 of one byte, or of two.
                let low = u8::try_from(length & 0x7f).unwrap();
                match u8::try_from(length >> 7).unwrap() {
                    0 => bytes.push(low),
                    high => bytes.extend([low | 0x80, high]),
                }
                bytes.extend(std::iter::repeat_n(id, length));
                ends.push(bytes.len());
            }
            check(&bytes).unwrap();
            let cut = 8 + cut % (bytes.len() - 8);
            assert_eq!(super::is_cut_off(&bytes[..cut]), !ends.contains(&cut));
        }

        #[test]
        fn any_bytes_are_taken_or_told_of(bytes: Vec<u8>, head in 0..9_usize) {
            let mut bytes = bytes;
            bytes.splice(..0, b"\0asm\x0d\0\x01\0"[..head.min(8)].iter().copied());
            if let Err(error) = check(&bytes) {
                assert!(error.message.len() > 10, "{error}");
            }
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
            let error = check(bytes).unwrap_err();
            assert!(error.message.contains(part), "{bytes:?}: {error}");
        }
        check(b"\0asm\x0d\0\x01\0").unwrap();
    }
}
