use super::*;
use crate::config::Plugin;
use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

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
    let (start, made) = (Barrier::new(4), AtomicUsize::new(0));
    for turn in 0..300 {
        let shared = id(&format!("shared-{turn}"));
        let mounts: Vec<Arc<Mount>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        registry.find_or_add(&shared, || {
                            made.fetch_add(1, Relaxed);
                            mount(&shared)
                        })
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let found = registry.find(shared.as_str()).unwrap();
        assert!(mounts.iter().all(|mount| Arc::ptr_eq(mount, &found)));
        registry.remove(&shared);
    }
    // Else the threads never met.
    assert!(made.load(Relaxed) > 300, "{made:?}");
}
