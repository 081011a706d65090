//! What the host offers to components, and which of a component's imports it cannot give.

use super::state::State;
use crate::service::{config, keyvalue, logging, permissions, sql};
use wasmtime::{
    Engine, Result,
    component::{Component, InstancePre, Linker, ResourceType, types::ComponentItem},
};

/// How the message of an import begins that `describe` may not call.
pub(super) const REFUSED: &str = "refused to what describes itself";

pub(super) struct Linkers {
    /// Everything.
    pub(super) serving: Linker<State>,
    /// WASI alone.
    wasi: Linker<State>,
}

impl Linkers {
    pub(super) fn new(engine: &Engine) -> Result<Self> {
        let mut wasi = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut wasi)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut wasi)?;
        let mut serving = wasi.clone();
        config::add_to_linker(&mut serving, State::config)?;
        keyvalue::add_to_linker(&mut serving, State::keyvalue)?;
        logging::add_to_linker(&mut serving, State::logging)?;
        permissions::add_to_linker(&mut serving, State::permissions)?;
        sql::add_to_linker(&mut serving, State::sql)?;
        Ok(Self { serving, wasi })
    }

    /// For `describe`: each of our services is a trap that names it.
    pub(super) fn describing(&self, component: &Component) -> Result<InstancePre<State>> {
        let engine = component.engine();
        let mut linker = self.wasi.clone();
        for (name, item) in component.component_type().imports(engine) {
            let ComponentItem::ComponentInstance(instance) = &item.ty else {
                continue;
            };
            let Some((interface, _)) = name.split_once('@') else {
                continue;
            };
            if !OFFERED
                .iter()
                .any(|o| o.split_once('@').is_some_and(|(i, _)| i == interface))
            {
                continue;
            }
            let mut traps = linker.instance(name)?;
            for (function, item) in instance.exports(engine) {
                match item.ty {
                    ComponentItem::ComponentFunc(_) => {
                        let call = format!("{REFUSED}: it called {name}#{function}");
                        traps.func_new(function, move |_, _, _, _| {
                            Err(wasmtime::format_err!("{call}"))
                        })?;
                    }
                    ComponentItem::Resource(_) => {
                        traps.resource(function, ResourceType::host::<()>(), |_, _| Ok(()))?;
                    }
                    _ => {}
                }
            }
        }
        linker.instantiate_pre(component)
    }
}

/// Our imports besides `wasi:*@0.2.x`. A pre-release matches only itself; 0.1.x matches any 0.1.y. Of two versions of an
/// interface the newer one is first.
const OFFERED: [&str; 12] = [
    "greenroom:logging/threshold@0.1.0",
    "greenroom:permissions/authorize@0.1.0",
    "greenroom:sql/client@0.1.0",
    "greenroom:sql/types@0.1.0",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/atomics@0.2.0-draft",
    "wasi:keyvalue/batch@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:logging/logging@0.1.0-draft",
];

/// The packages of WASI 0.2 itself, all of whose interfaces are there (with nothing granted).
const WASI: [&str; 7] = [
    "cli",
    "clocks",
    "filesystem",
    "http",
    "io",
    "random",
    "sockets",
];
/// The newest version of those.
const WASI_VERSION: &str = "0.2.12";

/// An import that the host cannot give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// `package:name/interface@version`.
    pub(super) import: String,
    /// The same interface in the newest version that the host has.
    pub(super) offered: Option<String>,
}

/// Every import that the host does not offer. wasmtime itself would stop at the first, and call it a wrong type.
pub(super) fn missing(component: &Component) -> Vec<Missing> {
    let engine = component.engine();
    let ty = component.component_type();
    let mut missing = Vec::new();
    for (name, item) in ty.imports(engine) {
        let only_types = match &item.ty {
            ComponentItem::ComponentInstance(i) => i
                .exports(engine)
                .all(|(_, e)| matches!(e.ty, ComponentItem::Type(_))),
            ComponentItem::Type(_) => true,
            _ => false,
        };
        if only_types {
            continue; // nothing to link
        }
        match offer(name) {
            Offer::Same => {}
            Offer::Other(offered) => missing.push(Missing {
                import: name.to_owned(),
                offered: Some(offered),
            }),
            Offer::None => missing.push(Missing {
                import: name.to_owned(),
                offered: None,
            }),
        }
    }
    missing
}

#[derive(Debug, PartialEq, Eq)]
enum Offer {
    Same,
    Other(String),
    None,
}

fn offer(import: &str) -> Offer {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    let package = interface
        .strip_prefix("wasi:")
        .and_then(|i| i.split_once('/'))
        .map(|(package, _)| package);
    if package.is_some_and(|p| WASI.contains(&p)) {
        return match version.strip_prefix("0.2.").map(str::parse::<u32>) {
            Some(Ok(_)) => Offer::Same,
            _ => Offer::Other(format!("{interface}@{WASI_VERSION}")),
        };
    }
    let mut versions = OFFERED
        .iter()
        .filter_map(|o| o.split_once('@'))
        .filter(|(i, _)| *i == interface)
        .map(|(_, v)| v)
        .peekable();
    let Some(newest) = versions.peek().copied() else {
        return Offer::None;
    };
    let line = |v: &str| v.rsplit_once('.').map(|(line, _)| line.to_owned());
    let same = |have: &str| {
        let released = !have.contains('-') && !version.contains('-');
        have == version || (released && line(have) == line(version))
    };
    if versions.any(same) {
        Offer::Same
    } else {
        Offer::Other(format!("{interface}@{newest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_match_as_the_component_model_says() {
        for same in [
            "wasi:http/types@0.2.0",
            "wasi:io/streams@0.2.12",
            "greenroom:sql/client@0.1.7",
            "wasi:config/store@0.2.0-rc.1",
            "wasi:keyvalue/store@0.2.0-draft",
            "wasi:keyvalue/store@0.2.0-draft2",
            "wasi:keyvalue/atomics@0.2.0-draft",
            "wasi:keyvalue/batch@0.2.0-draft",
        ] {
            assert_eq!(offer(same), Offer::Same, "{same}");
        }
        for other in [
            "",
            "@0.2.0",
            "@0.2.0-draft1",
            "@0.2.0-draft3",
            "@0.2.1-draft",
        ] {
            assert_eq!(
                offer(&format!("wasi:keyvalue/store{other}")),
                Offer::Other("wasi:keyvalue/store@0.2.0-draft2".into()),
                "{other}"
            );
        }
        assert_eq!(offer("wasi:keyvalue/cas@0.2.0-draft"), Offer::None);
        assert_eq!(
            offer("greenroom:sql/client@0.2.0"),
            Offer::Other("greenroom:sql/client@0.1.0".into())
        );
        assert_eq!(
            offer("wasi:http/types@0.3.0"),
            Offer::Other("wasi:http/types@0.2.12".into())
        );
        assert_eq!(
            offer("wasi:http/types@0.2.0-rc-2023"),
            Offer::Other("wasi:http/types@0.2.12".into())
        );
        assert_eq!(offer("acme:secret/vault@1.0.0"), Offer::None);
        assert_eq!(offer("plain-name"), Offer::None);
    }
}
