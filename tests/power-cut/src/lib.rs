//! A disk that loses its power, and one that answers errors.
//!
//! A [`Disk`] is a folder whose files are watched: what SQLite writes through a VFS of ours, what the host writes through
//! the C library's own calls. It knows of each byte and of each name whether it was synced. At an operation of one's
//! choice it is cut: nothing works any more, and [`Disk::survivor`] makes the folder that would be found afterwards.
//! [`life`] lets the host's storage work on such a disk, [`check`] looks at what is left; [`restore`] puts a backup back on
//! one.

pub mod check;
pub mod dice;
pub mod disk;
pub mod ledger;
pub mod life;
pub mod raw;
pub mod restore;
pub mod trial;

pub use dice::Dice;
pub use disk::{Disk, Fault, Kind, Plan, Survives};
