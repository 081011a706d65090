//! Todos and the table that holds them.

use serde::Serialize;
use sqlx::{
    FromRow, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::time::Duration;
use uuid::Uuid;

/// Readers work side by side; writers wait for each other in SQLite, whatever their number.
const CONNECTIONS: u32 = 5;

#[derive(Debug, FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Todo {
    id: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_ref: Option<String>,
    created_at: String,
    completed: bool,
}

impl Todo {
    pub(crate) fn new(title: String, entity_ref: Option<String>) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            title,
            entity_ref,
            // Always with milliseconds, so that the texts sort as the times do.
            created_at: format!("{:.3}", jiff::Timestamp::now()),
            completed: false,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) async fn get(pool: &SqlitePool, id: &str) -> sqlx::Result<Option<Self>> {
        sqlx::query_as(
            "SELECT id, title, entity_ref, created_at, completed FROM todos WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(pool)
        .await
    }

    /// Newest first.
    pub(crate) async fn list(
        pool: &SqlitePool,
        entity_ref: Option<&str>,
        limit: u32,
    ) -> sqlx::Result<Vec<Self>> {
        let query = match entity_ref {
            None => sqlx::query_as(
                "SELECT id, title, entity_ref, created_at, completed FROM todos
                 ORDER BY created_at DESC, seq DESC LIMIT $1",
            )
            .bind(limit),
            Some(entity_ref) => sqlx::query_as(
                "SELECT id, title, entity_ref, created_at, completed FROM todos
                 WHERE entity_ref = $2 ORDER BY created_at DESC, seq DESC LIMIT $1",
            )
            .bind(limit)
            .bind(entity_ref),
        };
        query.fetch_all(pool).await
    }

    pub(crate) async fn insert(&self, pool: &SqlitePool) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO todos (id, title, entity_ref, created_at, completed)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&self.id)
        .bind(&self.title)
        .bind(&self.entity_ref)
        .bind(&self.created_at)
        .bind(self.completed)
        .execute(pool)
        .await?;
        Ok(())
    }
}

/// Opens the database, and creates what it lacks.
pub(crate) async fn open(file: &str) -> sqlx::Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5));
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .connect_with(options)
        .await?;
    sqlx::raw_sql(include_str!("schema.sql"))
        .execute(&pool)
        .await?;
    Ok(pool)
}
