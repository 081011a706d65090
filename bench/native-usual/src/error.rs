//! Failures as clients see them.

use axum::{
    Json,
    extract::rejection::{JsonRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{0}")]
    BadRequest(&'static str),
    #[error("Todo not found")]
    NotFound,
    #[error(transparent)]
    Query(#[from] QueryRejection),
    #[error(transparent)]
    Body(#[from] JsonRejection),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

#[derive(Serialize)]
struct Body {
    error: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, message.to_owned()),
            Self::NotFound => (StatusCode::NOT_FOUND, self.to_string()),
            Self::Query(rejection) => (StatusCode::BAD_REQUEST, rejection.body_text()),
            // A field of the wrong type is a 400 in this API, not axum's 422.
            Self::Body(JsonRejection::JsonDataError(rejection)) => {
                (StatusCode::BAD_REQUEST, rejection.body_text())
            }
            Self::Body(rejection) => (rejection.status(), rejection.body_text()),
            Self::Database(error) => {
                tracing::error!(%error, "the database failed");
                let message = "Internal server error".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, message)
            }
        };
        (status, Json(Body { error })).into_response()
    }
}
