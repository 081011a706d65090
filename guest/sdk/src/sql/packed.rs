//! Rows out of the buffer of `query-packed`, whose layout `wit/sql.wit` documents. Texts and blobs stay in the buffer
//! and are borrowed from it. Its structure is checked once, when it arrives; that a text is UTF-8, when it is read, but
//! for `write_json`, which takes the host's word for it. No content of a buffer can make this code panic.

use super::Error;

/// The rows of a result.
#[derive(Debug)]
pub struct Rows {
    buffer: Vec<u8>,
    width: usize,
    count: usize,
    /// Where the first row begins.
    first: usize,
    /// Where each of the other rows begins.
    others: Vec<usize>,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(&'a str),
    Blob(&'a [u8]),
}

/// A cell whose text is not checked to be UTF-8.
#[derive(Clone, Copy)]
pub(super) enum Raw<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

impl Rows {
    /// Takes a buffer of `query-packed`; one that does not hold what it says is [`Error::Conversion`].
    pub fn parse(buffer: Vec<u8>) -> Result<Self, Error> {
        match Self::index(&buffer) {
            Some(found) => Ok(Self { buffer, ..found }),
            None => Err(Error::Conversion(
                "the host answered rows that this SDK cannot read".to_owned(),
            )),
        }
    }

    /// All of it but the buffer.
    fn index(buffer: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: buffer };
        let count = reader.length()?;
        let width = reader.length()?;
        // A column takes at least 4 bytes and a cell 1: what the buffer cannot hold is not allocated for.
        if width > buffer.len() / 4 || (width == 0 && count > 0) {
            return None;
        }
        let names = reader.rest;
        for _ in 0..width {
            reader.counted()?;
        }
        // Names and their lengths mostly are ASCII, and are looked at together.
        let first = buffer.len() - reader.rest.len();
        if !buffer[8..first].is_ascii() {
            let mut names = Reader { rest: names };
            for _ in 0..width {
                str::from_utf8(names.counted()?).ok()?;
            }
        }
        count
            .checked_mul(width)
            .filter(|total| *total <= reader.rest.len())?;
        let mut others = Vec::with_capacity(count.saturating_sub(1));
        for row in 0..count {
            if row > 0 {
                others.push(buffer.len() - reader.rest.len());
            }
            for _ in 0..width {
                reader.skip_cell()?;
            }
        }
        reader.rest.is_empty().then_some(Self {
            buffer: Vec::new(),
            width,
            count,
            first,
            others,
        })
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let mut reader = Reader {
            rest: self.buffer.get(8..).unwrap_or_default(),
        };
        let names = (0..self.width).map_while(move |_| reader.counted());
        names.filter_map(|name| str::from_utf8(name).ok())
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.count).map(|index| {
            let start = index
                .checked_sub(1)
                .map_or(Some(&self.first), |other| self.others.get(other));
            let cells = start.and_then(|start| self.buffer.get(*start..));
            Row {
                rows: self,
                cells: cells.unwrap_or_default(),
            }
        })
    }

    /// The first row.
    pub fn first<'a, T: FromRow<'a>>(&'a self) -> Result<Option<T>, Error> {
        self.iter().next().map(T::from_row).transpose()
    }

    /// Every row.
    pub fn to_vec<'a, T: FromRow<'a>>(&'a self) -> Result<Vec<T>, Error> {
        self.iter().map(T::from_row).collect()
    }
}

/// One row. Columns count from 0.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    rows: &'a Rows,
    /// Its cells, and those of the rows that follow.
    pub(super) cells: &'a [u8],
}

impl<'a> Row<'a> {
    /// A column's value; one of another type, and a column that is not there, are [`Error::Conversion`].
    pub fn get<T: FromCell<'a>>(&self, column: usize) -> Result<T, Error> {
        T::from_cell(self.cell(column)?)
            .ok_or_else(|| self.unreadable(column, std::any::type_name::<T>()))
    }

    /// The row as a type of its own.
    pub fn to<T: FromRow<'a>>(self) -> Result<T, Error> {
        T::from_row(self)
    }

    /// [`Row::get`] by the column's name, which is looked for each time.
    pub fn named<T: FromCell<'a>>(&self, column: &str) -> Result<T, Error> {
        match self.rows.columns().position(|name| name == column) {
            Some(column) => self.get(column),
            None => Err(Error::Conversion(format!("there is no column {column:?}"))),
        }
    }

    /// A column's value, whatever its type.
    pub fn cell(&self, column: usize) -> Result<Cell<'a>, Error> {
        let (raw, _) = raw(self.from(column)?).ok_or_else(|| no_column(column))?;
        Ok(match raw {
            Raw::Null => Cell::Null,
            Raw::Boolean(truth) => Cell::Boolean(truth),
            Raw::Integer(number) => Cell::Integer(number),
            Raw::Real(number) => Cell::Real(number),
            Raw::Text(text) => {
                Cell::Text(str::from_utf8(text).map_err(|_| self.unreadable(column, "UTF-8"))?)
            }
            Raw::Blob(bytes) => Cell::Blob(bytes),
        })
    }

    /// The row from a column on. Not inlined: the loop would cost [`Row::write_json`] its registers.
    #[inline(never)]
    pub(super) fn from(&self, column: usize) -> Result<&'a [u8], Error> {
        if column >= self.width() {
            return Err(no_column(column));
        }
        let mut reader = Reader { rest: self.cells };
        for _ in 0..column {
            // Every cell was read once already.
            reader.skip_cell().ok_or_else(|| no_column(column))?;
        }
        Ok(reader.rest)
    }

    pub(super) fn width(&self) -> usize {
        self.rows.width
    }

    #[cold]
    pub(super) fn unreadable(&self, column: usize, wanted: &str) -> Error {
        let name = self.rows.columns().nth(column).unwrap_or_default();
        Error::Conversion(format!("column {name:?} is no {wanted}"))
    }
}

#[cold]
fn no_column(column: usize) -> Error {
    Error::Conversion(format!("there is no column {column}"))
}

/// The text that a cell holds, if it holds one, and what follows the cell.
#[inline]
pub(super) fn text(cells: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([5, length @ ..], rest) = cells.split_first_chunk::<5>()? else {
        return None;
    };
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// A cell, and what follows it.
pub(super) fn raw(cells: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let mut reader = Reader { rest: cells };
    Some((reader.raw()?, reader.rest))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    /// A length and that many bytes.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    #[inline(always)]
    fn skip_cell(&mut self) -> Option<()> {
        let [tag] = self.array()?;
        match tag {
            0..=2 => {}
            3 | 4 => _ = self.array::<8>()?,
            5 | 6 => _ = self.counted()?,
            _ => return None,
        }
        Some(())
    }

    fn raw(&mut self) -> Option<Raw<'a>> {
        let [tag] = self.array()?;
        Some(match tag {
            0 => Raw::Null,
            1 => Raw::Boolean(false),
            2 => Raw::Boolean(true),
            3 => Raw::Integer(i64::from_le_bytes(self.array()?)),
            4 => Raw::Real(f64::from_le_bytes(self.array()?)),
            5 => Raw::Text(self.counted()?),
            6 => Raw::Blob(self.counted()?),
            _ => return None,
        })
    }
}

/// A type that a row is read as.
pub trait FromRow<'a>: Sized {
    fn from_row(row: Row<'a>) -> Result<Self, Error>;
}

/// A type that a cell is read as; `None` where the cell holds another.
pub trait FromCell<'a>: Sized {
    fn from_cell(cell: Cell<'a>) -> Option<Self>;
}

macro_rules! from_row_for_tuples {
    ($(($($column:tt $name:ident),+))+) => {
        $(impl<'a, $($name: FromCell<'a>),+> FromRow<'a> for ($($name,)+) {
            fn from_row(row: Row<'a>) -> Result<Self, Error> {
                Ok(($(row.get::<$name>($column)?,)+))
            }
        })+
    };
}
from_row_for_tuples! { (0 A) (0 A, 1 B) (0 A, 1 B, 2 C) (0 A, 1 B, 2 C, 3 D) }

macro_rules! from_cell {
    ($($type:ty: $($pattern:pat => $value:expr),+;)+) => {
        $(impl<'a> FromCell<'a> for $type {
            fn from_cell(cell: Cell<'a>) -> Option<Self> {
                match cell {
                    $($pattern => Some($value),)+
                    _ => None,
                }
            }
        })+
    };
}
from_cell! {
    &'a str: Cell::Text(text) => text;
    String: Cell::Text(text) => text.to_owned();
    &'a [u8]: Cell::Blob(bytes) => bytes;
    Vec<u8>: Cell::Blob(bytes) => bytes.to_vec();
    i64: Cell::Integer(number) => number;
    f64: Cell::Real(number) => number;
    // SQLite keeps booleans as 0 and 1.
    bool: Cell::Boolean(truth) => truth, Cell::Integer(number @ 0..=1) => number == 1;
}

impl<'a> FromCell<'a> for Cell<'a> {
    fn from_cell(cell: Cell<'a>) -> Option<Self> {
        Some(cell)
    }
}

impl<'a, T: FromCell<'a>> FromCell<'a> for Option<T> {
    fn from_cell(cell: Cell<'a>) -> Option<Self> {
        if cell == Cell::Null {
            Some(None)
        } else {
            T::from_cell(cell).map(Some)
        }
    }
}

#[cfg(test)]
mod tests;
