//! (being built)

pub mod page;
