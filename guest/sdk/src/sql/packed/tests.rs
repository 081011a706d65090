use super::*;
use proptest::{collection::vec, prelude::*};

fn text(text: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn table(rows: u32, columns: &[&str], cells: &[&[u8]]) -> Vec<u8> {
    let mut buffer = rows.to_le_bytes().to_vec();
    buffer.extend(u32::try_from(columns.len()).unwrap().to_le_bytes());
    columns.iter().for_each(|name| buffer.extend(text(name)));
    buffer.extend(cells.concat());
    buffer
}

fn sample() -> Vec<u8> {
    let title = [&[5][..], &text("ä\"")].concat();
    let seven = [&[3][..], &(-7i64).to_le_bytes()].concat();
    let half = [&[4][..], &0.5f64.to_le_bytes()].concat();
    let blob = [&[6][..], &text("xy")].concat();
    table(
        2,
        &["title", "n", "x"],
        &[&title, &seven, &half, &[0], &[2], &blob],
    )
}

#[test]
fn cells_come_as_they_are() {
    let rows = Rows::parse(sample()).unwrap();
    assert_eq!(
        (rows.len(), rows.columns().collect::<Vec<_>>()),
        (2, vec!["title", "n", "x"])
    );
    let cells: Vec<Vec<_>> = rows
        .iter()
        .map(|row| (0..3).map(|c| row.cell(c).unwrap()).collect())
        .collect();
    assert_eq!(
        cells[0],
        [Cell::Text("ä\""), Cell::Integer(-7), Cell::Real(0.5)]
    );
    assert_eq!(
        cells[1],
        [Cell::Null, Cell::Boolean(true), Cell::Blob(b"xy")]
    );
}

#[test]
fn cells_are_typed() {
    let rows = Rows::parse(sample()).unwrap();
    let first: (&str, i64, f64) = rows.first().unwrap().unwrap();
    assert_eq!(first, ("ä\"", -7, 0.5));
    let second = rows.iter().nth(1).unwrap();
    assert_eq!(second.get::<Option<String>>(0).unwrap(), None);
    assert!(second.named::<bool>("n").unwrap());
    assert_eq!(second.get::<&[u8]>(2).unwrap(), b"xy");
    for wrong in [
        second.get::<String>(0).err(),
        second.get::<String>(3).err(),
        second.named::<String>("y").err(),
    ] {
        assert!(matches!(wrong, Some(Error::Conversion(_))));
    }
    assert!(rows.to_vec::<(String,)>().is_err());
}

#[test]
fn integers_are_booleans_only_as_0_and_1() {
    for (number, truth) in [(0i64, Some(false)), (1, Some(true)), (2, None), (-1, None)] {
        assert_eq!(bool::from_cell(Cell::Integer(number)), truth);
    }
}

#[test]
fn no_rows_is_no_error() {
    assert!(Rows::parse(table(0, &["a"], &[])).unwrap().is_empty());
    assert!(
        Rows::parse(table(0, &[], &[]))
            .unwrap()
            .first::<(i64,)>()
            .unwrap()
            .is_none()
    );
}

#[test]
fn every_cut_is_refused() {
    let whole = sample();
    for end in 0..whole.len() {
        assert!(Rows::parse(whole[..end].to_vec()).is_err(), "cut at {end}");
    }
    assert!(
        Rows::parse([whole, vec![0]].concat()).is_err(),
        "a byte too many"
    );
}

#[test]
fn lies_are_refused() {
    let huge = u32::MAX;
    for (why, buffer) in [
        ("an unknown tag", table(1, &["a"], &[&[7]])),
        (
            "a name that is no UTF-8",
            [1u32, 1, 1]
                .map(u32::to_le_bytes)
                .concat()
                .into_iter()
                .chain([0xFF, 0])
                .collect(),
        ),
        (
            "a text longer than the buffer",
            table(1, &["a"], &[&[5, 255, 255, 255, 255]]),
        ),
        ("more rows than bytes", table(huge, &["a"], &[&[0]])),
        ("rows without columns", table(huge, &[], &[])),
        (
            "more columns than bytes",
            [0, huge].map(u32::to_le_bytes).concat(),
        ),
        ("both", [huge, huge].map(u32::to_le_bytes).concat()),
    ] {
        assert!(Rows::parse(buffer).is_err(), "{why}");
    }
}

#[test]
fn a_text_that_is_no_utf8_is_refused_when_it_is_read() {
    let rows = Rows::parse(table(1, &["a"], &[&[5, 1, 0, 0, 0, 0xFF]])).unwrap();
    assert!(
        matches!(rows.first::<(&str,)>(), Err(Error::Conversion(why)) if why == "column \"a\" is no UTF-8")
    );
}

#[test]
fn noise_never_panics() {
    let whole = sample();
    for at in 0..whole.len() {
        for byte in [0, 1, 2, 5, 6, 7, 0x7F, 0x80, 0xFF] {
            let mut noisy = whole.clone();
            noisy[at] = byte;
            if let Ok(rows) = Rows::parse(noisy) {
                let read = rows
                    .iter()
                    .flat_map(|row| (0..5).map(move |column| row.cell(column)))
                    .count();
                assert_eq!(read, rows.len() * 5);
            }
        }
    }
}

/// A cell as the host packs it, after its tag.
fn cell() -> impl Strategy<Value = Vec<u8>> {
    let counted = |tag: u8, bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        [&[tag][..], &length, bytes].concat()
    };
    prop_oneof![
        (0..3_u8).prop_map(|tag| vec![tag]),
        (3..5_u8, any::<[u8; 8]>()).prop_map(|(tag, bytes)| [&[tag][..], &bytes].concat()),
        any::<String>().prop_map(move |text| counted(5, text.as_bytes())),
        any::<Vec<u8>>().prop_map(move |bytes| counted(6, &bytes)),
    ]
}

fn packed(cell: Cell<'_>) -> Vec<u8> {
    let tagged = |tag: u8, bytes: &[u8]| [&[tag][..], bytes].concat();
    match cell {
        Cell::Null => vec![0],
        Cell::Boolean(truth) => vec![1 + u8::from(truth)],
        Cell::Integer(number) => tagged(3, &number.to_le_bytes()),
        Cell::Real(number) => tagged(4, &number.to_bits().to_le_bytes()),
        Cell::Text(content) => tagged(5, &text(content)),
        Cell::Blob(bytes) => {
            let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            tagged(6, &[&length, bytes].concat())
        }
    }
}

proptest! {
    #[test]
    fn any_rows_are_read_as_they_were_packed(
        rows in (1..5_usize).prop_flat_map(|width| vec(vec(cell(), width), 0..6)),
    ) {
        let width = rows.first().map_or(1, Vec::len);
        let cells: Vec<&[u8]> = rows.iter().flatten().map(Vec::as_slice).collect();
        let buffer = table(u32::try_from(rows.len()).unwrap(), &["é"; 5][..width], &cells);
        let read = Rows::parse(buffer).unwrap();
        let again: Vec<Vec<_>> = (read.iter())
            .map(|row| (0..width).map(|column| packed(row.cell(column).unwrap())).collect())
            .collect();
        prop_assert_eq!(again, rows);
    }

    /// Refused, or read in every way without a panic.
    #[test]
    fn no_bytes_are_worse_than_refused(
        rows in vec(vec(cell(), 2), 0..4),
        at: usize,
        with: Vec<u8>,
        cut in 0..9_usize,
    ) {
        let cells: Vec<&[u8]> = rows.iter().flatten().map(Vec::as_slice).collect();
        let mut buffer = table(u32::try_from(rows.len()).unwrap(), &["a", "b"], &cells);
        let at = at % buffer.len();
        buffer.splice(at..buffer.len().min(at + cut), with);
        if let Ok(read) = Rows::parse(buffer) {
            for row in read.iter() {
                for column in 0..read.columns().count() + 1 {
                    _ = row.cell(column);
                    _ = row.get::<Option<&str>>(column);
                }
                _ = row.named::<i64>("b");
            }
            _ = read.to_vec::<(Cell<'_>, String)>();
        }
    }
}
