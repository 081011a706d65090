//! Who may do what with todos. Without policies everybody may do all of it, as in the tutorial. A policy sees of a todo
//! its `id`, and as `entity` the entity of the catalog that it belongs to.

use crate::database;
use greenroom_sdk::{
    Declaration, Error, Request,
    permissions::{self, Resource},
    sql::Row,
};

pub(crate) const READ: &str = "todo.read";
pub(crate) const CREATE: &str = "todo.create";
pub(crate) const UPDATE: &str = "todo.update";
pub(crate) const DELETE: &str = "todo.delete";

/// The resource's type.
const TODO: &str = "todo";
/// Characters of an id that is asked about: those of todos are shorter.
const ID: usize = 64;

pub(crate) fn declared(declaration: Declaration) -> Declaration {
    declaration
        .permission(READ, &[("action", "read")])
        .permission(CREATE, &[("action", "create")])
        .permission(UPDATE, &[("action", "update")])
        .permission(DELETE, &[("action", "delete")])
}

/// All of them: what a list is about, before it is about each todo.
pub(crate) fn all(_: &Request) -> Result<Resource, Error> {
    Ok(Resource::new(TODO))
}

/// The one in the path. Of one that is not there the id alone is known, so that who may not see it does not learn
/// whether it exists.
pub(crate) fn named(request: &Request) -> Result<Resource, Error> {
    let id = request.param("id");
    let entity_ref = database::entity_ref(id)?;
    let shown: String = id.chars().take(ID).collect();
    Ok(of(Some(&shown), entity_ref.as_deref()))
}

/// 403 unless the caller may create a todo for this entity.
pub(crate) fn require_create(request: &Request, entity_ref: Option<&str>) -> Result<(), Error> {
    permissions::require_with(request, CREATE, || Ok(of(None, entity_ref)))
}

/// Whether lists have to leave some todos out.
pub(crate) fn hides() -> Result<bool, Error> {
    permissions::needed(READ)
}

/// For each of these rows of [`database`], whether the caller may see it.
pub(crate) fn visible(request: &Request, rows: &[Row<'_>]) -> Result<Vec<bool>, Error> {
    let mut todos = Vec::with_capacity(rows.len());
    for row in rows {
        todos.push(of(Some(row.get(0)?), row.get(2)?));
    }
    permissions::each(request, READ, todos)
}

fn of(id: Option<&str>, entity_ref: Option<&str>) -> Resource {
    let mut todo = Resource::new(TODO);
    if let Some(id) = id {
        todo = todo.id(id);
    }
    match entity_ref {
        Some(entity_ref) => todo.entity("entity", entity_ref),
        None => todo,
    }
}
