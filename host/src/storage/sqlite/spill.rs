//! What a thread writes to files, as the kernel counts it: the measure of a statement's temporary files.
//!
//! A sort or an intermediate table that outgrows SQLite's cache goes to a temporary file, which has no name and ends with
//! the statement. SQLite has no limit for these.

use std::{cell::RefCell, fs::File, os::unix::fs::FileExt};

/// Bytes of temporary files that one statement may fill.
pub(super) const MOST: u64 = 256 << 20;

thread_local! {
    /// The counts of this thread alone; none where the kernel does not keep them.
    static COUNTS: RefCell<Option<File>> = RefCell::new(File::open("/proc/thread-self/io").ok());
}

/// Bytes that this thread wrote since it began; none where the kernel does not say.
pub(super) fn written() -> Option<u64> {
    COUNTS.with_borrow(|counts| {
        let mut text = [0; 256];
        let length = counts.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = str::from_utf8(&text[..length]).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("wchar: "))?;
        line.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::written;
    use std::io::Write;

    #[test]
    fn a_thread_knows_what_it_wrote_itself() {
        let before = written().expect("the kernel counts");
        let other = std::thread::spawn(|| {
            tempfile::tempfile()
                .unwrap()
                .write_all(&[0; 50_000])
                .unwrap();
        });
        other.join().unwrap();
        tempfile::tempfile()
            .unwrap()
            .write_all(&[0; 20_000])
            .unwrap();
        assert_eq!(written().unwrap() - before, 20_000);
    }
}
