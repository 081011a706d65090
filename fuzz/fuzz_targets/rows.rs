//! Any bytes as the buffer of `query-packed`: refused, or read in every way without a panic, and the same bytes again when
//! what was read is written.
#![no_main]

use greenroom_sdk::sql::{Cell, Rows};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|buffer: &[u8]| {
    let Ok(rows) = Rows::parse(buffer.to_vec()) else {
        return;
    };
    let columns: Vec<&str> = rows.columns().collect();
    let width = columns.len();
    let mut written = Vec::new();
    length(&mut written, rows.len());
    length(&mut written, width);
    for name in &columns {
        counted(&mut written, name.as_bytes());
    }
    let mut readable = true;
    for row in rows.iter() {
        for column in 0..width {
            match row.cell(column) {
                Ok(cell) => write(&mut written, cell),
                // A text that is no UTF-8.
                Err(_) => readable = false,
            }
            _ = row.get::<Option<i64>>(column);
            _ = row.get::<bool>(column);
        }
        assert!(row.cell(width).is_err());
        for name in &columns {
            _ = row.named::<String>(name);
        }
    }
    _ = rows.to_vec::<(Option<&str>, Cell<'_>)>();
    if readable {
        assert_eq!(written, buffer);
    }
});

fn length(written: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).expect("it was read from 32 bits");
    written.extend(length.to_le_bytes());
}

fn counted(written: &mut Vec<u8>, bytes: &[u8]) {
    length(written, bytes.len());
    written.extend(bytes);
}

fn write(written: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Null => written.push(0),
        Cell::Boolean(truth) => written.push(1 + u8::from(truth)),
        Cell::Integer(number) => {
            written.push(3);
            written.extend(number.to_le_bytes());
        }
        Cell::Real(number) => {
            written.push(4);
            written.extend(number.to_bits().to_le_bytes());
        }
        Cell::Text(text) => {
            written.push(5);
            counted(written, text.as_bytes());
        }
        Cell::Blob(bytes) => {
            written.push(6);
            counted(written, bytes);
        }
    }
}
