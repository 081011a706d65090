//! The table beside a model of it, in thousands of steps of finding, adding, removing and listing, through any clone of it.

use super::{
    super::{Mount, Phase, PluginId, Registry},
    id, mount,
};
use crate::plugin::tests::Dice;
use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Arc, Weak},
};

const SCHEDULES: u64 = 50;
const STEPS: usize = 400;
/// Few, so that each comes and goes often. The order of `-` and of longer names is that of the bytes.
const NAMES: [&str; 5] = ["a", "aa", "a-b", "b", "z9"];

fn same(one: Option<&Arc<Mount>>, other: Option<&Arc<Mount>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

struct World {
    /// Of one table.
    clones: [Registry; 2],
    model: BTreeMap<PluginId, Arc<Mount>>,
    /// In somebody's hands, whether they are in the table or not.
    held: Vec<(PluginId, Arc<Mount>)>,
    removed: Vec<Weak<Mount>>,
}

impl World {
    fn new() -> Self {
        let registry = Registry::default();
        Self {
            clones: [registry.clone(), registry],
            model: BTreeMap::new(),
            held: Vec::new(),
            removed: Vec::new(),
        }
    }

    fn add(&mut self, registry: &Registry, id: PluginId) {
        let made = Cell::new(0);
        let mount = registry.find_or_add(&id, || {
            made.set(made.get() + 1);
            mount(&id)
        });
        if let Some(known) = self.model.get(&id) {
            assert!(Arc::ptr_eq(known, &mount), "{id}: there is one already");
            assert_eq!(made.get(), 0, "{id}: a mount for nothing");
            return;
        }
        assert_eq!(made.get(), 1, "{id}");
        assert_eq!(mount.id(), &id);
        let old = self.held.iter().any(|(_, held)| Arc::ptr_eq(held, &mount));
        assert!(!old, "{id}: one from before");
        assert_eq!(mount.phase(), Phase::Loading, "{id}: begins anew");
        self.model.insert(id, mount);
    }

    /// `held`: somebody goes on with the mount.
    fn remove(&mut self, registry: &Registry, id: PluginId, held: bool) {
        registry.remove(&id);
        let Some(old) = self.model.remove(&id) else {
            return;
        };
        // What the removal of a plugin does to its mount is not seen by the next one.
        old.fail();
        self.removed.push(Arc::downgrade(&old));
        if held {
            self.held.push((id, old));
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        let id = id(NAMES[dice.below(NAMES.len())]);
        let registry = self.clones[dice.below(2)].clone();
        match dice.below(8) {
            0..=2 => self.add(&registry, id),
            3..=4 => self.remove(&registry, id, dice.below(2) == 0),
            5..=6 => {
                let found = registry.find(id.as_str());
                assert!(same(found.as_ref(), self.model.get(&id)), "{id}");
                // The next step may remove it: whoever found it goes on all the same.
                self.held.extend(found.map(|found| (id, found)));
            }
            _ => assert!(registry.find("unknown").is_none()),
        }
        self.check(dice);
    }

    fn check(&mut self, dice: &mut Dice) {
        for registry in &self.clones {
            let all = registry.all();
            let expected: Vec<_> = self.model.values().collect();
            let ids: Vec<_> = all.iter().map(|mount| mount.id()).collect();
            assert_eq!(ids, self.model.keys().collect::<Vec<_>>(), "by id");
            assert!(all.iter().zip(expected).all(|(a, b)| Arc::ptr_eq(a, b)));
        }
        for (id, held) in &self.held {
            assert_eq!(held.id(), id);
            let live = same(self.model.get(id), Some(held));
            let phase = if live { Phase::Loading } else { Phase::Failed };
            assert_eq!(held.phase(), phase, "{id}: in the table: {live}");
        }
        // Some let go in time.
        if self.held.len() > 20 {
            drop(self.held.swap_remove(dice.below(self.held.len())));
        }
    }

    /// What is removed and in nobody's hands is gone: it has databases open.
    fn end(mut self) {
        for id in NAMES.map(id) {
            let registry = self.clones[0].clone();
            self.remove(&registry, id, false);
        }
        assert!(self.clones.iter().all(|registry| registry.all().is_empty()));
        self.held.clear();
        let kept = self.removed.iter().filter(|old| old.upgrade().is_some());
        assert_eq!(kept.count(), 0, "of {} removed", self.removed.len());
    }
}

#[test]
fn in_any_order_the_table_is_as_its_model() {
    for seed in 0..SCHEDULES {
        let mut dice = Dice::new(seed);
        let mut world = World::new();
        for _ in 0..STEPS {
            world.step(&mut dice);
        }
        assert!(world.removed.len() > 10, "hardly tested");
        world.end();
    }
}
