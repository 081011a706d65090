use super::*;

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
