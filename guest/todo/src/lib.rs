//! The todo plugin of the Backstage tutorial.

mod cursor;
mod database;
mod idempotency;
mod input;
mod item;
mod permissions;
mod router;

use greenroom_sdk::{Access, Declaration, Migration, Plugin, Router};

struct Todo;
greenroom_sdk::plugin!(Todo);

impl Plugin for Todo {
    fn declare() -> Declaration {
        let declaration = Declaration::new("todo", env!("CARGO_PKG_VERSION"))
            .summary("A list of todos")
            .policy("/", Access::Unauthenticated)
            .migration(Migration::additive(
                1,
                "create_todos",
                include_str!("../migrations/0001_create_todos.sql"),
            ));
        permissions::declared(declaration)
    }

    fn routes() -> Router {
        router::routes()
    }
}
