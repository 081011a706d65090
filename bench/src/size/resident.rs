//! The resident memory of a process, by what it is made of.

use anyhow::{Context, Result};
use serde::Serialize;

/// In bytes. The kernel counts a file's page once for each mapping of it, however often one process maps the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Resident {
    pub(super) total: u64,
    /// Heap, stacks, linear memories.
    pub(super) anonymous: u64,
    /// Mapped files: the program, compiled plugins, the databases' -shm files.
    pub(super) files: u64,
}

impl Resident {
    pub(super) fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/status");
        let status =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        parse(&status).with_context(|| format!("no resident memory in {path}"))
    }

    pub(super) fn megabytes(self) -> f64 {
        megabytes(self.total)
    }
}

/// Megabytes of 10^6 bytes.
pub(super) fn megabytes(bytes: u64) -> f64 {
    // Exact up to 2^52 bytes.
    bytes as f64 / 1e6
}

fn parse(status: &str) -> Option<Resident> {
    let bytes = |name: &str| -> Option<u64> {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    Some(Resident {
        total: bytes("VmRSS")?,
        anonymous: bytes("RssAnon")?,
        files: bytes("RssFile")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_read_from_the_status() {
        let status = "VmHWM:\t  90 kB\nVmRSS:\t  30 kB\nRssAnon:\t  10 kB\nRssFile:\t 20 kB\nRssShmem:\t 0 kB\n";
        let resident = parse(status).unwrap();
        let expected = Resident {
            total: 30 << 10,
            anonymous: 10 << 10,
            files: 20 << 10,
        };
        assert_eq!(resident, expected);
        assert_eq!(parse("VmRSS:\t 30 kB\n"), None);
    }

    #[test]
    fn this_process_has_some() {
        let resident = Resident::of(std::process::id()).unwrap();
        assert!(resident.megabytes() > 0.5, "{resident:?}");
        assert!(
            resident.total >= resident.anonymous + resident.files,
            "{resident:?}"
        );
    }
}
