mod model;

use super::*;
use crate::config::Plugin;
use std::{sync::OnceLock, thread};

fn id(name: &str) -> PluginId {
    name.parse().unwrap()
}

fn mount(of: &PluginId) -> Arc<Mount> {
    Mount::new(of.clone(), Plugin::default(), false)
}

/// Each thread knows what its own id must have, whatever the others do to the table meanwhile.
#[test]
fn ids_come_and_go_apart_from_each_other() {
    let registry = Registry::default();
    thread::scope(|scope| {
        for thread in 0..6 {
            let registry = registry.clone();
            scope.spawn(move || {
                let own = id(&format!("own-{thread}"));
                for turn in 0..400 {
                    assert!(
                        registry.find(own.as_str()).is_none(),
                        "removed (turn {turn})"
                    );
                    let added = registry.find_or_add(&own, || mount(&own));
                    let found = registry.find(own.as_str()).expect("added just now");
                    assert!(Arc::ptr_eq(&added, &found));
                    let again = registry.find_or_add(&own, || mount(&own));
                    assert!(Arc::ptr_eq(&added, &again), "there is one already");
                    assert!(registry.all().iter().any(|m| Arc::ptr_eq(m, &added)));
                    registry.remove(&own);
                }
            });
        }
    });
    assert!(registry.all().is_empty());
}

/// Who comes at the same moment gets the same mount: two would mean two databases open.
#[test]
fn an_id_has_one_mount_whoever_makes_it() {
    let registry = Registry::default();
    let shared = id("shared");
    let other = OnceLock::new();
    let own = registry.find_or_add(&shared, || {
        // Another one comes between the look and the mount.
        other.get_or_init(|| registry.find_or_add(&shared, || mount(&shared)));
        mount(&shared)
    });
    assert!(Arc::ptr_eq(&own, other.get().unwrap()));
    assert!(Arc::ptr_eq(&own, &registry.find("shared").unwrap()));
}
