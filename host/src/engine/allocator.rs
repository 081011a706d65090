//! When mimalloc, the allocator of the host's own memory, gives back to the system what was freed.

use std::ffi::{c_int, c_long};

/// Milliseconds that free memory waits to be used again. With mimalloc's 1,000 what a deploy had needed stayed, and 1,500
/// rollbacks took an idle host from 39 to 50 MiB; with 10 it stays at 43. With 0 every page is given back and fetched anew
/// while a request lasts: a list of 100 rows took 30 % more CPU.
const PURGE_DELAY: c_long = 10;

/// `mi_option_purge_delay` of mimalloc 3, which its bindings do not name.
const OPTION: c_int = 15;

/// For the whole process. `MIMALLOC_PURGE_DELAY` in its environment, in milliseconds, has precedence.
#[expect(
    unsafe_code,
    reason = "mimalloc's options are C, and its crate wraps none of them"
)]
pub fn give_back_soon() {
    // SAFETY: it sets a number that the allocator reads whenever it frees a page. A number out of the range of its options
    // is ignored.
    unsafe { libmimalloc_sys::mi_option_set_default(OPTION, PURGE_DELAY) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(unsafe_code, reason = "as above")]
    fn value() -> c_long {
        // SAFETY: it reads a number of the allocator's options.
        unsafe { libmimalloc_sys::mi_option_get(OPTION) }
    }

    /// No other option of mimalloc begins at 1,000: an update that numbers them anew fails here.
    #[test]
    fn it_is_the_delay_that_is_set() {
        assert_eq!(value(), 1000);
        give_back_soon();
        assert_eq!(value(), PURGE_DELAY);
    }
}
