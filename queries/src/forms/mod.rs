//! Forms.
/// x
pub enum Form {}
