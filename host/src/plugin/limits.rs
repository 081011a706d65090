//! What one instance may take of the host's memory.

use wasmtime::{ResourceLimiter, Result, bail};

/// Bytes that an instance may grow past its size at start before it is not used for another request.
const SLACK: usize = 16 << 20;

/// Counts the linear memory of all of an instance's modules together. Growing past the limit is a trap: a guest that
/// sees `memory.grow` fail aborts anyway, and the trap names the reason.
pub(super) struct Memory {
    limit: usize,
    used: usize,
    start: usize,
}

impl Memory {
    /// `limit` in bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            used: 0,
            start: 0,
        }
    }

    /// What is used now is what the instance starts with.
    pub(super) fn started(&mut self) {
        self.start = self.used;
    }

    /// Linear memory never shrinks: an instance that one request made large would stay so.
    pub(super) fn has_swollen(&self) -> bool {
        self.used > self.start.saturating_add(SLACK)
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            bail!(
                "the plugin needs more than its limits.memory of {} MiB",
                self.limit >> 20
            );
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        // The pooling allocator holds the ceiling; `maximum` names it.
        Ok(maximum.is_none_or(|m| desired <= m))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_of_an_instance_count_together() {
        let mut memory = Memory::new(64 << 20);
        assert!(memory.memory_growing(0, 40 << 20, None).unwrap());
        memory.started();
        assert!(memory.memory_growing(0, 20 << 20, None).unwrap());
        assert!(memory.has_swollen());
        let error = memory.memory_growing(20 << 20, 30 << 20, None).unwrap_err();
        assert!(error.to_string().contains("64 MiB"), "{error}");
    }
}
