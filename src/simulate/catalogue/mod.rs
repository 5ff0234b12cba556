//! What the simulated studio's world consists of: countries and their networks, browsers, the product, its faults.
//! Only lists; who uses what, and when, is `studio` and its people.

pub(crate) mod agents;
pub(crate) mod countries;
pub(crate) mod faults;
pub(crate) mod names;
pub(crate) mod product;
