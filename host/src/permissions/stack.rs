//! A stack whose end Cedar knows.
//!
//! Cedar goes down expressions and values by recursion, and looks before each step whether enough of the stack is left. It
//! takes the stack for the thread's own. On a guest's it would see none left and refuse every policy, or see far too much
//! and not stop at its end: a host call decides on the thread's (`engine::on_own_stack`).

/// Bytes for a decision: the deepest policy takes 3 MiB of them (`statements.rs` bounds its depth).
const DECIDING: usize = 4 << 20;
/// Bytes of the stacks of threads that serve (`engine::THREAD_STACK`). Where more seems to be left it is another stack.
const MOST: usize = 8 << 20;
/// Bytes for reading files. The parser's own recursion knows no bound but that of `statements.rs`.
const READING: usize = 64 << 20;

/// On the stack at hand, where it has room. Else on one made for it, which costs more than a decision: to map it, to
/// protect its end and to unmap it each take the lock of the process' memory, and the last interrupts the other cores.
pub(super) fn deciding<R>(work: impl FnOnce() -> R) -> R {
    if has_room(stacker::remaining_stack()) {
        work()
    } else {
        stacker::grow(MOST, work)
    }
}

fn has_room(left: Option<usize>) -> bool {
    left.is_some_and(|left| (DECIDING..=MOST).contains(&left))
}

pub(super) fn reading<R>(work: impl FnOnce() -> R) -> R {
    stacker::grow(READING, work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_the_threads_own_has_room() {
        for (left, room) in [
            (None, false),
            (Some(0), false),
            (Some(DECIDING - 1), false),
            (Some(DECIDING), true),
            (Some(MOST), true),
            (Some(MOST + 1), false),
        ] {
            assert_eq!(has_room(left), room, "{left:?}");
        }
    }

    /// What is left to a decision on a thread with a stack of this size, once a MiB of it is used.
    fn left_on(size: usize) -> usize {
        fn used() -> usize {
            let used = std::hint::black_box([0u8; 1 << 20]);
            let left = deciding(stacker::remaining_stack);
            std::hint::black_box(&used);
            left.unwrap()
        }
        let thread = std::thread::Builder::new().stack_size(size);
        thread.spawn(used).unwrap().join().unwrap()
    }

    #[test]
    fn a_stack_is_made_where_the_threads_has_no_room() {
        let own = 6 << 20..=7 << 20;
        assert!(own.contains(&left_on(MOST)));
        for size in [2 << 20, 16 << 20] {
            let left = left_on(size);
            assert!(
                (MOST - (64 << 10)..=MOST + (64 << 10)).contains(&left),
                "{size}: {left}"
            );
        }
    }
}
