//! Hits: what rules found true of whom, and for how long.
//!
//! `hit.rs` says what a hit is, `lifecycle.rs` how it opens, changes and closes as its rule is evaluated, `book.rs` keeps the
//! open ones where the verdict path reads them, `restore.rs` brings them back from the `hits` table after a restart.
//! How hits are found is `rules/`; what follows from them is the verdict service, which is not here.

mod book;
mod hit;
mod lifecycle;
mod restore;

pub use book::{HitBook, HitsOf};
pub use hit::{EndCause, EntityKind, Hit, Mode, Restraint, StepUp, Transition, TransitionKind};
pub(crate) use lifecycle::{Evaluation, Lifecycle, Terms};
pub use restore::{RESTORE_SQL, RestoredHit, close_orphans, read_restored_hits};
