//! Weir: gathers an app's events into Parquet, answers SQL about them, and decides per request: allow, throttle or block.
//!
//! The program around the three crates: `cli` reads the command line, `serve` opens everything and serves `http`.

mod artifacts;
mod backtest;
mod bench;
mod boards;
mod cli;
mod clock;
mod config;
mod control;
mod histogram;
mod http;
mod issues;
mod load;
mod own_queries;
mod pace;
mod rulebook;
mod score;
mod serve;
mod simulate;
mod verdict;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
