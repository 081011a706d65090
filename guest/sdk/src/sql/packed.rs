//! Rows out of the buffer of `query-packed`, whose layout `wit/sql.wit` documents. Texts and blobs stay in the buffer
//! and are borrowed from it. Its structure is checked once, when it arrives; that a text is UTF-8, when it is read. No
//! content of a buffer can make this code panic.

use super::Error;
use std::ops::Range;

/// The rows of a result.
#[derive(Debug)]
pub struct Rows {
    buffer: Vec<u8>,
    columns: Vec<Range<usize>>,
    count: usize,
    /// Where each cell's tag lies, row by row.
    cells: Vec<usize>,
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
        Self::index(&buffer)
            .map(|(columns, count, cells)| Self {
                buffer,
                columns,
                count,
                cells,
            })
            .ok_or_else(|| {
                Error::Conversion("the host answered rows that this SDK cannot read".to_owned())
            })
    }

    fn index(buffer: &[u8]) -> Option<(Vec<Range<usize>>, usize, Vec<usize>)> {
        let mut reader = Reader { buffer, at: 0 };
        let count = reader.length()?;
        let width = reader.length()?;
        // A column takes at least 4 bytes and a cell 1: what the buffer cannot hold is not allocated for.
        if width > buffer.len() / 4 || (width == 0 && count > 0) {
            return None;
        }
        let mut columns = Vec::with_capacity(width);
        for _ in 0..width {
            let name = reader.counted()?;
            str::from_utf8(&buffer[name.clone()]).ok()?;
            columns.push(name);
        }
        let total = count
            .checked_mul(width)
            .filter(|total| *total <= buffer.len() - reader.at)?;
        let mut cells = Vec::with_capacity(total);
        for _ in 0..total {
            cells.push(reader.at);
            reader.skip_cell()?;
        }
        (reader.at == buffer.len()).then_some((columns, count, cells))
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns
            .iter()
            .filter_map(|name| str::from_utf8(self.buffer.get(name.clone())?).ok())
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.count).map(|index| Row { rows: self, index })
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
    index: usize,
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
        Ok(match self.raw(column)? {
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

    pub(super) fn raw(&self, column: usize) -> Result<Raw<'a>, Error> {
        let width = self.rows.columns.len();
        match self
            .rows
            .cells
            .get(self.index * width + column)
            .filter(|_| column < width)
        {
            None => Err(Error::Conversion(format!("there is no column {column}"))),
            Some(&at) => {
                let mut reader = Reader {
                    buffer: &self.rows.buffer,
                    at,
                };
                let raw = reader.raw();
                Ok(raw.expect("every cell was read once already"))
            }
        }
    }

    #[cold]
    pub(super) fn unreadable(&self, column: usize, wanted: &str) -> Error {
        let name = self.rows.columns().nth(column).unwrap_or_default();
        Error::Conversion(format!("column {name:?} is no {wanted}"))
    }
}

struct Reader<'a> {
    buffer: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.buffer.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(*bytes)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    /// A length and that many bytes.
    fn counted(&mut self) -> Option<Range<usize>> {
        let length = self.length()?;
        let end = self
            .at
            .checked_add(length)
            .filter(|end| *end <= self.buffer.len())?;
        Some(std::mem::replace(&mut self.at, end)..end)
    }

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
            5 => Raw::Text(self.buffer.get(self.counted()?)?),
            6 => Raw::Blob(self.buffer.get(self.counted()?)?),
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
