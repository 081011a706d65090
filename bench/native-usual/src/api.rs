//! The routes, and what goes around all of them.

use crate::{error::ApiError, todo::Todo};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde::Deserialize;
use sqlx::SqlitePool;
use std::time::Duration;
use tower::ServiceBuilder;
use tower_http::{
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
    timeout::TimeoutLayer,
};

/// The largest body, in bytes.
const BODY_LIMIT: usize = 100 << 10;
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most items of a list, for who does not say how many.
const ITEMS: u32 = 10_000;
/// Most items that a client may ask for.
const LIMIT: u32 = 1000;
/// The longest text, in characters.
const TEXT_LIMIT: usize = 1024;

pub(crate) fn router(pool: SqlitePool) -> Router {
    let headers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::X_FRAME_OPTIONS, "SAMEORIGIN"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, "default-src 'none'"));
    Router::new()
        .route("/api/todo/todos", get(list).post(create))
        .route("/api/todo/todos/{id}", get(read))
        .route("/api/hello/", get(async || "hello"))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIMEOUT,
        ))
        .layer(headers)
        .with_state(pool)
}

fn fixed(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// [`axum::extract::Query`], but a refusal is an [`ApiError`].
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
struct Query<T>(T);

/// [`Json`], but a refusal is an [`ApiError`].
#[derive(FromRequest)]
#[from_request(via(Json), rejection(ApiError))]
struct Body<T>(T);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    entity_ref: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewTodo {
    title: Option<String>,
    entity_ref: Option<String>,
}

async fn list(
    State(pool): State<SqlitePool>,
    Query(filter): Query<Filter>,
) -> Result<Json<Vec<Todo>>, ApiError> {
    if filter
        .limit
        .is_some_and(|limit| !(1..=LIMIT).contains(&limit))
    {
        return Err(ApiError::BadRequest(
            "limit must be a number from 1 to 1000",
        ));
    }
    let entity_ref = filter.entity_ref.as_deref().filter(|text| !text.is_empty());
    let todos = Todo::list(&pool, entity_ref, filter.limit.unwrap_or(ITEMS)).await?;
    Ok(Json(todos))
}

async fn read(
    State(pool): State<SqlitePool>,
    Path(id): Path<String>,
) -> Result<Json<Todo>, ApiError> {
    let todo = Todo::get(&pool, &id).await?;
    todo.map(Json).ok_or(ApiError::NotFound)
}

async fn create(
    State(pool): State<SqlitePool>,
    Body(new): Body<NewTodo>,
) -> Result<impl IntoResponse, ApiError> {
    let title = new.title.unwrap_or_default();
    let entity_ref = new.entity_ref.filter(|text| !text.is_empty());
    if title.trim().is_empty() {
        return Err(ApiError::BadRequest("title is required"));
    }
    for text in [Some(&title), entity_ref.as_ref()].into_iter().flatten() {
        if text.chars().count() > TEXT_LIMIT || text.contains('\0') {
            return Err(ApiError::BadRequest(
                "title and entityRef must be at most 1024 characters, without NUL",
            ));
        }
    }

    tracing::info!(title, entity_ref, "Creating todo");
    let todo = Todo::new(title, entity_ref);
    todo.insert(&pool).await?;
    let location = format!("/api/todo/todos/{}", todo.id());
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(todo),
    ))
}
