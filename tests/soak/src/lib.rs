//! Tests that are worth their name only in great number. Each section runs at three scales: small in `tests/small.rs`, a
//! fifth with `cargo xtask soak`, all of it with `--full`. Answers and what is stored are held to the same at each. Figures
//! that a test has no time for, as a p99 or the growth of memory, and that every side of a race was met, are judged at the
//! two larger ones alone.

#![allow(
    clippy::print_stderr,
    reason = "a program for the command line, which says how far it is"
)]

pub mod churn;
pub mod crash;
pub mod disk;
pub mod fuzz;
pub mod host_calls;
pub mod hostile_sql;
pub mod load;
pub mod long;
pub mod machine;
pub mod mutants;
pub mod neighbours;
pub mod power_cut;
pub mod process;
pub mod report;
pub mod run;
pub mod schemathesis;
pub mod section;
pub mod slow_clients;
pub mod smuggling;
pub mod supply;
pub mod swap;
mod tools;

pub use greenroom_power_cut::dice;
pub use run::{Run, Scale};
pub use section::{Row, SECTIONS, Section};
