//! What a host's process holds, from /proc.

use greenroom_tests::Host;
use std::fs;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Held {
    pub descriptors: u64,
    pub threads: u64,
    /// KiB.
    pub resident: u64,
    /// The most that was resident since the start, or since [`forget_peak`]; KiB.
    pub peak: u64,
}

impl Held {
    pub fn by(host: &Host) -> Self {
        let process = format!("/proc/{}", host.pid());
        let count = |what: &str| {
            fs::read_dir(format!("{process}/{what}")).map_or(0, Iterator::count) as u64
        };
        let status = fs::read_to_string(format!("{process}/status")).unwrap_or_default();
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
            number.unwrap_or(0)
        };
        Self {
            descriptors: count("fd"),
            threads: count("task"),
            resident: kib("VmRSS:"),
            peak: kib("VmHWM:"),
        }
    }
}

/// From here on `peak` is counted anew.
pub fn forget_peak(host: &Host) {
    let path = format!("/proc/{}/clear_refs", host.pid());
    fs::write(&path, "5").unwrap_or_else(|e| panic!("{path}: {e}"));
}
