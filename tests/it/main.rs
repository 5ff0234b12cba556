//! Black-box tests: the real binary, spoken to over HTTP and on its command line, held against the HTTP contract.
//!
//! `server` starts and ends the program, `http` speaks to it, `lake` reads its tables without it, `mmdb` writes address
//! databases. Every other module tests one part of the contract. Not the insides of the crates: those have their own tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

mod artifacts;
mod audit;
mod backtests;
mod check;
mod cli;
mod durability;
mod events;
mod evidence;
mod http;
mod issue_pages;
mod issues;
mod keys;
mod lake;
mod mmdb;
mod operate_pages;
mod ops;
mod own_queries;
mod own_rules;
mod scenarios;
mod sdks;
mod server;
mod sql;
mod stream;
mod verdicts;
