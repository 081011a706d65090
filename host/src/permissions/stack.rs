//! A stack whose end Cedar knows.
//!
//! Cedar goes down expressions and values by recursion, and looks before each step whether enough of the stack is left. It
//! takes the stack for the thread's own. On a guest's it would see none left and refuse every policy, or see far too much
//! and not stop at its end: a host call decides on the thread's (`engine::on_own_stack`).

/// Bytes for a decision: the deepest policy takes 3 MiB of them (`statements.rs` bounds its depth). A thread that serves
/// has them. Where they are not left a stack is made, which costs more than a decision: to map it, to protect its end and
/// to unmap it each take the lock of the process' memory, and the last interrupts the other cores.
const DECIDING: usize = 4 << 20;
/// Bytes for reading files. The parser's own recursion knows no bound but that of `statements.rs`.
const READING: usize = 64 << 20;

pub(super) fn deciding<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(DECIDING, DECIDING, work)
}

pub(super) fn reading<R>(work: impl FnOnce() -> R) -> R {
    stacker::grow(READING, work)
}
