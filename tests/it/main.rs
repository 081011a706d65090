//! End-to-end tests: one module an area. Each starts the real binary on a free port with a folder of its own.

mod smoke;
