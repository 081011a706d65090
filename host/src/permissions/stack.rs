//! A stack whose end Cedar knows.
//!
//! Cedar goes down expressions and values by recursion, and looks before each step whether enough of the stack is left. It
//! takes the stack for the thread's own. A host call runs on the stack of its guest, which is another: Cedar would see
//! none left and refuse every policy, or see far too much and not stop at its end. So whatever may come from a host call
//! runs on a stack made for it. That is nearly all of what a decision costs, 0.13 ms: to map it, to protect its end and to
//! unmap it each take the lock of the process' memory, and the last interrupts the other cores.

/// Bytes for a decision. What the deepest policy takes is a fraction of it (`statements.rs` bounds its depth).
const DECIDING: usize = 8 << 20;
/// Bytes for reading files. The parser's own recursion knows no bound but that of `statements.rs`.
const READING: usize = 64 << 20;

pub(super) fn deciding<R>(work: impl FnOnce() -> R) -> R {
    stacker::grow(DECIDING, work)
}

pub(super) fn reading<R>(work: impl FnOnce() -> R) -> R {
    stacker::grow(READING, work)
}
