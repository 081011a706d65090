//! `wasi:config/store`: the plugin's own part of app-config.yaml, `plugins.<id>.config`.

use std::{collections::BTreeMap, sync::Arc};
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

/// Keys joined with dots, values as text.
#[derive(Clone)]
pub struct Ctx(pub Arc<BTreeMap<String, String>>);

pub struct View<'a>(pub &'a Ctx);

impl store::Host for View<'_> {
    fn get(&mut self, key: String) -> Result<Result<Option<String>, store::Error>> {
        Ok(Ok(self.0.0.get(&key).cloned()))
    }

    fn get_all(&mut self) -> Result<Result<Vec<(String, String)>, store::Error>> {
        Ok(Ok(self
            .0
            .0
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()))
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
