//! Declaring a plugin, and the exports that the host calls.

use crate::{
    Request, Response, Router,
    bindings::{
        exports::{greenroom::plugin::lifecycle, wasi::http::incoming_handler},
        unary::exports::greenroom::http::handler,
        wasi::io::streams::OutputStream,
    },
    response::Pending,
};
use std::{marker::PhantomData, sync::OnceLock};

pub use lifecycle::{Access, Migration};

/// What an author implements; [`plugin!`](crate::plugin!) makes a component of it.
pub trait Plugin {
    /// What the plugin is. Every call to the host is refused while this runs: it may depend on nothing but the code.
    fn declare() -> Declaration;

    /// What answers its requests.
    fn routes() -> Router;

    /// Runs once each time that a build is to serve, after the migrations and before the first request, within 5 seconds.
    /// An error refuses the build, and whoever deployed it reads the text.
    fn start() -> Result<(), String> {
        Ok(())
    }
}

/// A plugin's id, version, policies, migrations and permissions.
#[derive(Debug, Clone)]
pub struct Declaration(lifecycle::Descriptor);

impl Declaration {
    /// `id` is `[a-z][a-z0-9-]{0,62}`; `version` is for people, mostly `env!("CARGO_PKG_VERSION")`.
    pub fn new(id: &str, version: &str) -> Self {
        Self(lifecycle::Descriptor {
            id: id.to_owned(),
            version: version.to_owned(),
            summary: String::new(),
            policies: Vec::new(),
            migrations: Vec::new(),
            permissions: Vec::new(),
        })
    }

    /// One line on what the plugin is for.
    #[must_use]
    pub fn summary(mut self, summary: &str) -> Self {
        self.0.summary = summary.to_owned();
        self
    }

    /// Says who may reach `path` and all below it. Paths without a policy want a credential.
    #[must_use]
    pub fn policy(mut self, path: &str, access: Access) -> Self {
        self.0.policies.push(lifecycle::Policy {
            path: path.to_owned(),
            access,
        });
        self
    }

    /// Adds a step of the database's schema.
    #[must_use]
    pub fn migration(mut self, migration: Migration) -> Self {
        self.0.migrations.push(migration);
        self
    }

    /// Names a permission that the plugin asks about, `todo.delete`, with its attributes. Backstage's attribute `action`
    /// is `create`, `read`, `update` or `delete`: operators restrict tokens and write policies by it.
    #[must_use]
    pub fn permission(mut self, name: &str, attributes: &[(&str, &str)]) -> Self {
        let attributes = attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        self.0.permissions.push(lifecycle::Permission {
            name: name.to_owned(),
            attributes,
        });
        self
    }

    /// As the host gets it.
    pub fn into_descriptor(self) -> lifecycle::Descriptor {
        self.0
    }
}

impl Migration {
    /// A step that only adds (tables, columns, indexes): the build before it can work on with the schema, and serves
    /// while it runs. `version` counts from 1; the text of a step that has run anywhere may never change.
    pub fn additive(version: u32, name: &str, sql: &str) -> Self {
        Self {
            version,
            name: name.to_owned(),
            sql: sql.to_owned(),
            additive: true,
        }
    }

    /// A step that changes or removes: requests are held while it runs, and builds that lack it are refused afterwards.
    pub fn exclusive(version: u32, name: &str, sql: &str) -> Self {
        Self {
            version,
            name: name.to_owned(),
            sql: sql.to_owned(),
            additive: false,
        }
    }
}

/// The exports of a plugin. [`plugin!`](crate::plugin) names it; nobody else needs it.
#[doc(hidden)]
pub struct Component<P>(PhantomData<P>);

impl<P: Plugin> lifecycle::Guest for Component<P> {
    fn describe() -> lifecycle::Descriptor {
        P::declare().into_descriptor()
    }

    fn start() -> Result<(), String> {
        // A route that cannot be is a panic: at the deploy, not at the first request.
        undeclared(router::<P>(), &P::declare())?;
        P::start()
    }
}

/// An error when a route needs what the declaration lacks: every request of it would fail.
fn undeclared(router: &Router, declaration: &Declaration) -> Result<(), String> {
    let declared = |name: &str| declaration.0.permissions.iter().any(|p| p.name == name);
    match router.permissions().find(|name| !declared(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "a route needs the permission {name:?}, which is not declared: add `.permission({name:?}, &[])` to the declaration"
        )),
    }
}

impl<P: Plugin> incoming_handler::Guest for Component<P> {
    fn handle(request: incoming_handler::IncomingRequest, out: incoming_handler::ResponseOutparam) {
        answer::<P>(Request::incoming(request)).send(out);
    }
}

impl<P: Plugin> handler::Guest for Component<P> {
    fn handle(head: Vec<u8>, body: Vec<u8>) -> handler::Response {
        answer::<P>(Request::whole(head, body)).give()
    }

    fn write_body(to: OutputStream) -> Result<(), String> {
        Pending::take().map_or(Ok(()), |body| body.write(to))
    }
}

fn answer<P: Plugin>(request: Request) -> Response {
    router::<P>().dispatch(request)
}

/// Kept from request to request: a component holds one plugin, and its routes do not change.
fn router<P: Plugin>() -> &'static Router {
    static ROUTER: OnceLock<Router> = OnceLock::new();
    ROUTER.get_or_init(P::routes)
}

/// Makes a component of a type that implements [`Plugin`]: `greenroom_sdk::plugin!(Todo);`, once in a crate. What it
/// exports besides is named after the type, in any order: `plugin!(Todo, stop, health)` takes a [`Stop`](crate::Stop) and
/// a [`Health`](crate::Health), and `config_schema = include_str!("../config.schema.json")` gives a JSON Schema of what
/// `plugins.<id>.config` may hold: the host refuses a section that does not fit.
///
/// ```
/// use greenroom_sdk::{Declaration, Health, Plugin, Router, Stop};
///
/// struct Relay;
/// greenroom_sdk::plugin!(Relay, health, config_schema = r#"{ "required": ["url"] }"#, stop);
/// # impl Plugin for Relay {
/// #     fn declare() -> Declaration {
/// #         Declaration::new("relay", "1.0.0")
/// #     }
/// #     fn routes() -> Router {
/// #         Router::new()
/// #     }
/// # }
/// # impl Stop for Relay {
/// #     fn stop() -> Result<(), String> {
/// #         Ok(())
/// #     }
/// # }
/// # impl Health for Relay {
/// #     fn check() -> Result<(), String> {
/// #         Ok(())
/// #     }
/// # }
/// ```
///
/// On your own machine, where tests run, it exports nothing: the exports have names that only a component can have.
#[macro_export]
macro_rules! plugin {
    (@export stop) => {
        $crate::bindings::stop::export_stop!(Component with_types_in $crate::bindings::stop);
    };
    (@export health) => {
        $crate::bindings::health::export_health!(Component with_types_in $crate::bindings::health);
    };
    (@export config_schema = $schema:expr) => {
        const _: () = {
            // A name that no plugin has.
            struct GivesConfigSchema;
            impl $crate::bindings::configured::exports::greenroom::plugin::config_schema::Guest
                for GivesConfigSchema
            {
                fn schema() -> ::std::string::String {
                    let schema: &str = $schema;
                    schema.to_owned()
                }
            }
            $crate::bindings::configured::export_configured!(
                GivesConfigSchema with_types_in $crate::bindings::configured
            );
        };
    };
    (@export $($unknown:tt)*) => {};
    (@name $plugin:ty, stop) => {
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> ::core::result::Result<(), ::std::string::String> = <$plugin as $crate::Stop>::stop;
    };
    (@name $plugin:ty, health) => {
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> ::core::result::Result<(), ::std::string::String> = <$plugin as $crate::Health>::check;
    };
    (@name $plugin:ty, config_schema = $schema:expr) => {
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> &'static str = || $schema;
    };
    (@name $plugin:ty, $($unknown:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "a plugin has no export `",
            ::core::stringify!($($unknown)*),
            "`: `stop`, `health` and `config_schema = TEXT` can be named"
        ));
    };
    ($plugin:ty $(, $export:ident $(= $text:expr)?)* $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(
            unsafe_code,
            reason = "the generated exports cross the component's boundary"
        )]
        const _: () = {
            type Component = $crate::Component<$plugin>;
    $crate::bindings::export!(Component with_types_in $crate::bindings);
    $crate::bindings::unary::export_unary!(Component with_types_in $crate::bindings::unary);
            $($crate::plugin!(@export $export $(= $text)?);)*
        };
        // So that a test build does not call the plugin unused.
        #[cfg(not(target_arch = "wasm32"))]
        const _: (fn() -> $crate::Declaration, fn() -> $crate::Router) = (
            <$plugin as $crate::Plugin>::declare,
            <$plugin as $crate::Plugin>::routes,
        );
        $($crate::plugin!(@name $plugin, $export $(= $text)?);)*
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_needs_what_is_declared() {
        let router = Router::new()
            .get("/", |_| Ok(Response::no_content()))
            .permission("todo.read");
        let declaration = Declaration::new("todo", "1.0.0");
        let missing = undeclared(&router, &declaration).unwrap_err();
        assert!(missing.contains("\"todo.read\""), "{missing}");
        let declared = declaration.permission("todo.read", &[("action", "read")]);
        assert_eq!(undeclared(&router, &declared), Ok(()));
        assert_eq!(
            undeclared(&Router::new(), &Declaration::new("a", "1")),
            Ok(())
        );
    }
}
