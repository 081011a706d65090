//! The plugin, as the host sees it. Everything under `/api/{{id}}/` arrives at [`router`].

mod database;
mod router;

use greenroom_sdk::{Access, Declaration, Migration, Plugin, Router};

const ID: &str = "{{id}}";

struct Items;
greenroom_sdk::plugin!(Items);

impl Plugin for Items {
    fn declare() -> Declaration {
        Declaration::new(ID, env!("CARGO_PKG_VERSION"))
            .summary("Keeps items")
            // Opens every path to everyone. Without this line the host asks callers for a credential.
            .policy("/", Access::Unauthenticated)
            // Adding to the schema is the next number. What has run anywhere is never changed again.
            .migration(Migration::additive(
                1,
                "create_items",
                include_str!("../migrations/0001_create_items.sql"),
            ))
    }

    fn routes() -> Router {
        router::routes()
    }
}
