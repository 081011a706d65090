//! Columns of equal width.

use std::fmt;

pub(super) struct Table<const N: usize> {
    rows: Vec<([String; N], Vec<String>)>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(head: [&str; N]) -> Self {
        Self {
            rows: vec![(head.map(str::to_owned), Vec::new())],
        }
    }

    /// A row, and lines that follow it, indented.
    pub(super) fn row(&mut self, cells: [String; N], below: Vec<String>) {
        self.rows.push((cells, below));
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.rows
                .iter()
                .map(|(cells, _)| cells[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; N] = std::array::from_fn(width);
        for (index, (cells, below)) in self.rows.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let row: Vec<_> = cells
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            f.write_str(row.join("  ").trim_end())?;
            for line in below {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}
