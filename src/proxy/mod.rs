//! (being built)

pub mod answer;
