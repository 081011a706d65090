//! The world `backend-plugin`, as generated from `wit/`: every import, and the exports that each plugin has. What a
//! plugin does not use is not linked, so a component's imports are its true dependencies.
//!
//! The rest of the SDK is a thin layer over this; reach for it where the layer lacks something.
#![allow(
    missing_docs,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    unreachable_pub,
    unsafe_code,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "greenroom:plugin/backend-plugin",
    generate_all,
    pub_export_macro: true,
});

/// The world `unary-plugin`: the export that a plugin may have besides, and with this SDK has.
pub mod unary {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "greenroom:plugin/unary-plugin",
        with: {
            "wasi:io/error@0.2.12": crate::bindings::wasi::io::error,
            "wasi:io/poll@0.2.12": crate::bindings::wasi::io::poll,
            "wasi:io/streams@0.2.12": crate::bindings::wasi::io::streams,
        },
        pub_export_macro: true,
        export_macro_name: "export_unary",
    });
}

/// The world `configured-plugin`: the export of `plugin!(Todo, config_schema = ...)`.
pub mod configured {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "greenroom:plugin/configured-plugin",
        pub_export_macro: true,
        export_macro_name: "export_configured",
    });
}

/// The world `stopping-plugin`: the export of `plugin!(Todo, stop)`.
pub mod stop {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "greenroom:plugin/stopping-plugin",
        pub_export_macro: true,
        export_macro_name: "export_stop",
    });
}

/// The world `checked-plugin`: the export of `plugin!(Todo, health)`.
pub mod health {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "greenroom:plugin/checked-plugin",
        pub_export_macro: true,
        export_macro_name: "export_health",
    });
}
