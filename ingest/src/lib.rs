//! Event in, durable columns out: the only code that writes data files.
//!
//! The way through: a body is decompressed and split (`wire`), each event is judged (`judge`: validated, scrubbed,
//! enriched, errors grouped by `grouping`; what SDKs send is put into our own words by `adapters` first, a stack's text into
//! frames by `traces`) into sparse rows (`row`), the log writer refuses
//! duplicates (`dedupe`), turns rows into columns (`columns`),
//! makes them durable (`wal`) and visible (`buffer`), and settles them into Delta tables (`flush`, `lake`).

pub mod adapters;
mod buffer;
mod client_drops;
mod columns;
mod dedupe;
mod digest;
mod disk;
mod enrich;
mod error;
mod flush;
pub mod grouping;
mod import;
mod ingest;
mod judge;
mod kind;
mod lake;
mod limits;
mod outcome;
mod priority;
mod recover;
mod row;
mod schema;
mod scrub;
mod sender;
mod status;
mod traces;
mod wal;
mod wire;
mod writer;

pub use buffer::Cut;
pub use client_drops::{ClientDrop, DropsByCategory};
pub use dedupe::{DedupeStatus, Fingerprint, Fingerprinter};
pub use disk::{Disk, DiskRef, RealDisk, create_dir, write_file};
pub use enrich::{AddressFacts, AgentFacts, DatabaseStatus, EmailFacts, Enricher, EnricherStatus, SaltSource};
pub use error::IngestError;
pub use ingest::{Config, ImportOrigin, Ingest, Receipt, Recovery, lake_store, lock_directory};
pub use judge::{Judge, Judged};
pub use kind::{Kind, Partition};
pub use lake::LAKE_URL;
pub use limits::{BodyError, Limits};
pub use outcome::{Reject, RejectCode, Tally};
pub use row::{Frames, Head, RowWriter, Rows, Trust, Value};
pub use schema::{COMMON, Column, ColumnType, Purpose, TableSchema};
pub use scrub::{id_offence, text as scrub_text};
pub use sender::{Sender, Source};
pub use status::{Loss, Status, TableStatus};
pub use wire::{BodyHints, decompress, open_sdk_body, open_sdk_envelope};
pub use writer::{Committed, Observer};
