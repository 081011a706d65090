//! `wasi:config/store`: the plugin's own part of app-config.yaml, `plugins.<id>.config`.

use crate::config::Settings;
use arc_swap::ArcSwap;
use std::sync::Arc;
use wasmtime::{
    Result,
    component::{HasData, Linker},
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        interfaces: "import wasi:config/store@0.2.0-rc.1;",
        imports: { default: trappable },
    });
}
use bindings::wasi::config::store;

/// The section that new instances of a build have. Clones share it.
#[derive(Clone, Default)]
pub struct Ctx(Arc<ArcSwap<Snapshot>>);

/// The section of one instance: the same for as long as it lives.
#[derive(Default)]
pub struct Snapshot {
    pub settings: Arc<Settings>,
    /// Counts the sections that the build has had; the first is 0.
    pub generation: u64,
}

impl Ctx {
    pub fn new(settings: Arc<Settings>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Snapshot {
            settings,
            generation: 0,
        })))
    }

    pub fn now(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// From here on new instances have this one; returns its generation. One caller at a time.
    pub fn change(&self, settings: Arc<Settings>) -> u64 {
        let generation = self.0.load().generation + 1;
        self.0.store(Arc::new(Snapshot {
            settings,
            generation,
        }));
        generation
    }
}

pub struct View<'a>(pub &'a Snapshot);

impl store::Host for View<'_> {
    fn get(&mut self, key: String) -> Result<Result<Option<String>, store::Error>> {
        Ok(Ok(self.0.settings.flat().get(&key).cloned()))
    }

    fn get_all(&mut self) -> Result<Result<Vec<(String, String)>, store::Error>> {
        let all = self.0.settings.flat().iter();
        Ok(Ok(all.map(|(k, v)| (k.clone(), v.clone())).collect()))
    }
}

struct Has;

impl HasData for Has {
    type Data<'a> = View<'a>;
}

pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> Result<()> {
    store::add_to_linker::<T, Has>(linker, view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_keeps_the_section_that_it_began_with() {
        let ctx = Ctx::default();
        let before = ctx.now();
        let settings: Arc<Settings> = Arc::default();
        assert_eq!(ctx.clone().change(settings.clone()), 1);
        assert_eq!((before.generation, ctx.now().generation), (0, 1));
        assert!(Arc::ptr_eq(&ctx.now().settings, &settings));
        assert_eq!(ctx.change(settings), 2);
    }
}
