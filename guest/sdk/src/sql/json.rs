//! Rows as JSON, straight from the host's buffer: no value of Rust's is made on the way.

use super::{
    Error, Row,
    packed::{Raw, raw, text},
};
use crate::json::end_text;

/// One member of the object that [`Row::write_json`] writes: its name, and the column that it takes.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// `,"name":"`, of which `length` bytes are before the last quote. A copy of a known size costs a fraction of any
    /// other in wasm.
    prefix: [u8; PREFIX],
    length: usize,
    column: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Value,
    Optional,
    Boolean,
}

/// Bytes of the longest name with a comma, a colon and the quotes.
const PREFIX: usize = 34;

impl Member {
    /// A text, number, boolean or null, as the cell has it. Columns count from 0. `name` is at most 29 bytes, none of
    /// which JSON would escape.
    ///
    /// # Panics
    /// If `name` is not so; where the member is a constant, the compiler says it.
    pub const fn new(name: &str, column: usize) -> Self {
        Self::of_kind(name, column, Kind::Value)
    }

    /// As [`new`](Self::new), and left out where the cell is null.
    pub const fn optional(name: &str, column: usize) -> Self {
        Self::of_kind(name, column, Kind::Optional)
    }

    /// `true` or `false`, of a cell that holds a boolean or, as SQLite keeps them, 0 or 1.
    pub const fn boolean(name: &str, column: usize) -> Self {
        Self::of_kind(name, column, Kind::Boolean)
    }

    const fn of_kind(name: &str, column: usize, kind: Kind) -> Self {
        let name = name.as_bytes();
        assert!(name.len() + 5 <= PREFIX, "the name has more than 29 bytes");
        let mut prefix = [0; PREFIX];
        prefix[0] = b',';
        prefix[1] = b'"';
        let mut at = 0;
        while at < name.len() {
            let plain = name[at] >= 0x20 && name[at] != b'"' && name[at] != b'\\';
            assert!(plain, "the name would need escapes");
            prefix[at + 2] = name[at];
            at += 1;
        }
        prefix[at + 2] = b'"';
        prefix[at + 3] = b':';
        prefix[at + 4] = b'"';
        Self {
            prefix,
            length: at + 4,
            column,
            kind,
        }
    }

    /// Writes what is before a value, and its first quote if `quotes` is 1.
    #[inline]
    fn begin(&self, quotes: usize, json: &mut Vec<u8>) {
        let end = json.len() + self.length + quotes;
        json.extend_from_slice(&self.prefix);
        json.truncate(end);
    }
}

impl<'a> Row<'a> {
    /// Appends the row as a compact JSON object with these members, in their order. A cell that JSON cannot carry (a
    /// blob, a number that is not finite), or that is no boolean where one is meant, is [`Error::Conversion`], and nothing
    /// is appended.
    pub fn write_json(&self, members: &[Member], json: &mut Vec<u8>) -> Result<(), Error> {
        let start = json.len();
        let written = self.write_members(members, json);
        if written.is_err() {
            json.truncate(start);
        }
        written
    }

    fn write_members(&self, members: &[Member], json: &mut Vec<u8>) -> Result<(), Error> {
        let start = json.len();
        let (mut cells, mut next) = (self.cells, 0);
        for member in members {
            if member.column != next || next >= self.width() {
                cells = self.from(member.column)?;
            }
            next = member.column + 1;
            // Texts are most of what there is, and what is short here keeps its values in registers.
            cells = match text(cells) {
                Some((text, after)) if member.kind != Kind::Boolean => {
                    member.begin(1, json);
                    // The host answers no text that is not UTF-8, so that is not looked at again.
                    end_text(text, json);
                    after
                }
                _ => self.write_other(member, cells, json)?,
            };
        }
        // In the place of the first member's comma.
        match json.get_mut(start) {
            Some(first) => *first = b'{',
            None => json.push(b'{'),
        }
        json.push(b'}');
        Ok(())
    }

    /// Writes a member that is no text, and answers what follows its cell.
    #[inline(never)]
    fn write_other(
        &self,
        member: &Member,
        cells: &'a [u8],
        json: &mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        let wanted = match member.kind {
            Kind::Boolean => "boolean",
            _ => "JSON value",
        };
        let unreadable = || self.unreadable(member.column, wanted);
        let (cell, after) = raw(cells).ok_or_else(unreadable)?;
        if matches!(cell, Raw::Null) && member.kind == Kind::Optional {
            return Ok(after);
        }
        member.begin(0, json);
        match (cell, member.kind) {
            (Raw::Boolean(true), _) | (Raw::Integer(1), Kind::Boolean) => {
                json.extend_from_slice(b"true");
            }
            (Raw::Boolean(false), _) | (Raw::Integer(0), Kind::Boolean) => {
                json.extend_from_slice(b"false");
            }
            (Raw::Null, Kind::Value) => json.extend_from_slice(b"null"),
            (Raw::Integer(number), Kind::Value | Kind::Optional) => write(&number, json),
            (Raw::Real(number), Kind::Value | Kind::Optional) if number.is_finite() => {
                write(&number, json);
            }
            _ => return Err(unreadable()),
        }
        Ok(after)
    }
}

fn write(number: &impl serde::Serialize, json: &mut Vec<u8>) {
    serde_json::to_writer(json, number).expect("numbers can be written into memory");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Rows;

    const MEMBERS: [Member; 3] = [
        Member::new("title", 0),
        Member::optional("note", 1),
        Member::boolean("done", 2),
    ];

    /// One row of three columns; each cell is its tag and what follows.
    fn written(cells: [&[u8]; 3]) -> Result<String, Error> {
        let mut buffer = [1u32.to_le_bytes(), 3u32.to_le_bytes()].concat();
        (0..3).for_each(|_| buffer.extend([0; 4]));
        buffer.extend(cells.concat());
        let rows = Rows::parse(buffer).unwrap();
        let mut json = b"x".to_vec();
        let row = rows.iter().next().unwrap();
        row.write_json(&MEMBERS, &mut json)?;
        Ok(String::from_utf8(json).unwrap())
    }

    fn text(text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap().to_le_bytes();
        [&[5], &length[..], text.as_bytes()].concat()
    }

    fn integer(number: i64) -> Vec<u8> {
        [&[3], &number.to_le_bytes()[..]].concat()
    }

    #[test]
    fn members_come_in_their_order() {
        let all = written([&text("a \"b\""), &text("ä"), &integer(1)]).unwrap();
        assert_eq!(all, r#"x{"title":"a \"b\"","note":"ä","done":true}"#);
        let least = written([&[0], &[0], &[1]]).unwrap();
        assert_eq!(least, r#"x{"title":null,"done":false}"#);
        let half = [&[4], &0.5f64.to_le_bytes()[..]].concat();
        let numbers = written([&integer(i64::MIN), &half, &[2]]).unwrap();
        assert_eq!(
            numbers,
            r#"x{"title":-9223372036854775808,"note":0.5,"done":true}"#
        );
    }

    #[test]
    fn columns_come_in_any_order_and_of_their_row_alone() {
        let mut buffer = [2u32.to_le_bytes(), 2u32.to_le_bytes()].concat();
        buffer.extend([0; 8]);
        buffer.extend([text("a"), vec![2], text("b"), vec![1]].concat());
        let rows = Rows::parse(buffer).unwrap();
        let mut json = Vec::new();
        let members = [("y", 1), ("x", 0), ("z", 0)].map(|(name, at)| Member::new(name, at));
        for row in rows.iter() {
            row.write_json(&members, &mut json).unwrap();
            row.write_json(&[], &mut json).unwrap();
            for wrong in [2, usize::MAX] {
                let members = [
                    Member::new("x", 0),
                    Member::new("y", 1),
                    Member::new("z", wrong),
                ];
                let written = row.write_json(&members, &mut Vec::new());
                assert!(matches!(written, Err(Error::Conversion(_))));
            }
        }
        let expected = r#"{"y":true,"x":"a","z":"a"}{}{"y":false,"x":"b","z":"b"}{}"#;
        assert_eq!(str::from_utf8(&json), Ok(expected));
    }

    #[test]
    fn what_json_cannot_carry_is_refused() {
        let infinite = [&[4], &f64::INFINITY.to_le_bytes()[..]].concat();
        let blob = [&[6], &0u32.to_le_bytes()[..]].concat();
        for cells in [
            [&infinite[..], &[0], &[1]],
            [&blob[..], &[0], &[1]],
            [&[0], &[0], &integer(2)[..]],
            [&[0], &[0], &text("true")[..]],
            [&[0], &[0], &[0]],
        ] {
            assert!(matches!(written(cells), Err(Error::Conversion(_))));
        }
    }

    #[test]
    #[should_panic(expected = "more than 29")]
    fn long_names_are_refused() {
        Member::new(&"n".repeat(30), 0);
    }

    #[test]
    #[should_panic(expected = "escapes")]
    fn names_are_plain() {
        Member::new("a\"", 0);
    }
}
