//! The bytes of one file.

use crate::Dice;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Default)]
pub(super) struct Content {
    kept: Vec<u8>,
    /// Since then, in order.
    pending: Vec<Pending>,
    /// Synced at least once.
    pub(super) synced: bool,
}

struct Pending {
    change: Change,
    /// A sync of it failed: no later one counts for it.
    stranded: bool,
}

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => put(to, *at, bytes),
            Self::Truncate(length) => to.resize(*length, 0),
        }
    }

    /// Whether what comes later leaves nothing of `earlier`.
    fn covers(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (
                Self::Write { at, bytes },
                Self::Write {
                    at: from,
                    bytes: old,
                },
            ) => *at < from + old.len() && *from < at + bytes.len(),
            (Self::Truncate(length), Self::Write { at, .. }) => at >= length,
            (Self::Truncate(_), Self::Truncate(_)) => true,
            (Self::Write { .. }, Self::Truncate(_)) => false,
        }
    }
}

fn put(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    to[at..end].copy_from_slice(bytes);
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("files here fit into memory")
}

impl Content {
    pub(super) fn kept(bytes: Vec<u8>) -> Self {
        Self {
            kept: bytes,
            pending: Vec::new(),
            synced: true,
        }
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        self.push(Change::Write {
            at: place(at),
            bytes: bytes.to_owned(),
        });
    }

    pub(super) fn truncate(&mut self, length: u64) {
        self.push(Change::Truncate(place(length)));
    }

    fn push(&mut self, change: Change) {
        self.pending.push(Pending {
            change,
            stranded: false,
        });
    }

    pub(super) fn sync(&mut self) {
        let mut stranded: Vec<Pending> = Vec::new();
        for pending in self.pending.drain(..) {
            if pending.stranded {
                stranded.push(pending);
            } else {
                pending.change.apply(&mut self.kept);
                // The hardest case: of pages that were written again in part, the rest never comes.
                stranded.retain(|earlier| !pending.change.covers(&earlier.change));
            }
        }
        self.pending = stranded;
        self.synced = true;
    }

    pub(super) fn strand(&mut self) {
        for pending in &mut self.pending {
            pending.stranded = true;
        }
    }

    /// What was synced.
    pub(super) fn synced_bytes(&self) -> Vec<u8> {
        self.kept.clone()
    }

    /// What was synced, and of the rest some sectors: each with this probability in 256.
    pub(super) fn some(&self, dice: &mut Dice, chance: u64) -> Vec<u8> {
        let mut bytes = self.kept.clone();
        for pending in &self.pending {
            match &pending.change {
                Change::Write { at, bytes: new } => {
                    let (mut from, end) = (*at, at + new.len());
                    while from < end {
                        let to = ((from / SECTOR + 1) * SECTOR).min(end);
                        if dice.below(256) < chance {
                            put(&mut bytes, from, &new[from - at..to - at]);
                        }
                        from = to;
                    }
                }
                change @ Change::Truncate(_) if dice.below(256) < chance => {
                    change.apply(&mut bytes);
                }
                Change::Truncate(_) => {}
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_synced_is_kept_and_the_rest_in_sectors() {
        let mut content = Content::default();
        content.write(0, &[1; 1024]);
        content.sync();
        content.write(256, &[2; 1024]);
        assert_eq!(content.synced_bytes(), [1; 1024]);
        let mut seen = std::collections::BTreeSet::new();
        let mut dice = Dice::new(1);
        for _ in 0..100 {
            let bytes = content.some(&mut dice, 128);
            // Three parts, each whole or not at all; the last one makes the file longer.
            let parts = [
                bytes[256],
                bytes[512],
                bytes.get(1024).copied().unwrap_or(0),
            ];
            let longer = parts[2] == 2;
            assert_eq!(bytes.len(), if longer { 1280 } else { 1024 });
            assert!(bytes[256..512].iter().all(|b| *b == parts[0]));
            assert!(bytes[512..1024].iter().all(|b| *b == parts[1]));
            seen.insert(parts);
        }
        assert_eq!(seen.len(), 8);
    }

    #[test]
    fn a_sync_after_one_that_failed_does_not_count_for_what_was_written_before() {
        let mut content = Content::kept(vec![0; 4]);
        content.write(0, &[1]);
        content.strand();
        content.write(2, &[2]);
        content.sync();
        assert_eq!(content.synced_bytes(), [0, 0, 2, 0]);
        content.write(0, &[1]);
        content.sync();
        assert_eq!(content.synced_bytes(), [1, 0, 2, 0]);
    }
}
