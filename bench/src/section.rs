//! A part of the report that brings its own text.

/// Goes into results.md under a heading of its own, and into results.json under a key.
pub(crate) struct Section {
    /// In results.json, as `size`.
    pub(crate) key: &'static str,
    /// Markdown below the tables of load, beginning with `## `.
    pub(crate) markdown: String,
    /// The same figures, raw rounds included.
    pub(crate) json: serde_json::Value,
}
