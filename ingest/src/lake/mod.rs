//! The Delta tables: files, commits, compaction, and how queries read them.

mod compact;
mod file;
mod provider;
mod repair;
mod store;
mod table;

pub(crate) use file::DataFile;
pub use provider::LAKE_URL;
pub(crate) use store::SyncedStore;
pub(crate) use table::{Lake, Table};
