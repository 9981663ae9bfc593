//! The comparison as tables.

pub(crate) mod figures;
pub(crate) mod machine;
pub(crate) mod markdown;
pub(crate) mod table;
