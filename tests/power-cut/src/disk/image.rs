//! The folder that is found when the power is back.

use super::{
    Disk,
    names::{Change, Node},
};
use crate::Dice;
use std::{fs, io, path::Path};

/// What of a disk survives a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// Only what was synced; names only with their folder. All that POSIX promises.
    Synced,
    /// That, and the name of a file that was synced itself. ext4, XFS and Btrfs commit the name with the file: in their
    /// journal (or log tree) the new inode and its entry are one transaction.
    SyncedWithNames,
    /// That, and any part of the rest: sectors of 512 bytes in any order, names in theirs. Disks and file systems write
    /// what they were not asked to, when they like.
    Some,
}

impl Survives {
    pub fn roll(dice: &mut Dice) -> Self {
        match dice.below(4) {
            0 => Self::Synced,
            1 => Self::SyncedWithNames,
            _ => Self::Some,
        }
    }
}

impl Disk {
    /// Makes, in an empty folder, what is found after the cut.
    pub fn survivor(&self, survives: Survives, dice: &mut Dice, to: &Path) -> io::Result<()> {
        let state = self.state();
        let (bytes_chance, names_chance) = match survives {
            Survives::Some => (64 * dice.below(5), 64 * dice.below(5)),
            _ => (0, 0),
        };
        // With or without that promise of the common file systems.
        let follow = match survives {
            Survives::Synced => false,
            Survives::SyncedWithNames => true,
            Survives::Some => dice.below(2) == 0,
        };
        let mut names = state.kept.clone();
        for entry in &state.entries {
            let with_file = match &entry.change {
                Change::Put(_, Node::File(node)) => state.files[node].synced,
                _ => false,
            };
            if (follow && with_file) || dice.below(256) < names_chance {
                names.apply(entry);
            }
        }
        for (name, node) in names.iter() {
            let path = to.join(name);
            // What lies in a folder that is gone is gone.
            if !path.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match node {
                Node::Folder => fs::create_dir(&path)?,
                Node::File(file) => {
                    let content = &state.files[&file];
                    let bytes = match survives {
                        Survives::Some => content.some(dice, bytes_chance),
                        _ => content.synced_bytes(),
                    };
                    fs::write(&path, bytes)?;
                }
            }
        }
        Ok(())
    }
}
