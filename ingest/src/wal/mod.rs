//! The write-ahead log: what is in it was promised to somebody.

pub(crate) mod frame;
pub(crate) mod segment;

pub(crate) use frame::Record;
pub(crate) use segment::Segment;
