//! `weir check`: everything that can be wrong before the server runs: configuration, policy, rules, stored queries, dashboards.

use clap::Args;
use datafusion::datasource::empty::EmptyTable;
use ingest::{Kind, TableSchema};
use queries::{Catalogue, Engine, EngineConfig, Tables};
use std::sync::Arc;

use super::serve::{ServeArgs, config_of};
use super::{misuse, print_line, rules};
use crate::{boards, clock, config, issues, serve};

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  weir check\n  weir check --config weir.toml --rules ./my-rules\n  \
    weir check --print-config > weir.toml")]
pub(super) struct CheckArgs {
    /// Print the documented configuration with all defaults, and do nothing else
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    serve: ServeArgs,
}

/// Checks everything and prints what it checked. Returns false when a query or rule is wrong.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<bool> {
    if args.print_config {
        super::print(config::SAMPLE)?;
        return Ok(true);
    }
    let config = config_of(&args.serve)?;
    print_line("configuration   ok")?;
    serve::policy(&config).map_err(|error| misuse(format!("{error:#}")))?;
    print_line("policy          ok")?;
    let loaded = rules::load(&config)?;
    for rule in &loaded.rules {
        print_line(format_args!("rule            ok  {}", rule.name))?;
    }
    let mut wrong = loaded.problems.len();
    loaded.problems.iter().for_each(|problem| eprintln!("rule            bad {problem}"));
    let (catalogue, problems) = Catalogue::load(Some(&serve::query_directory(&config)));
    for problem in &problems {
        wrong += 1;
        eprintln!("query           bad {problem}");
    }
    let spill = std::env::temp_dir().join(format!("weir-check-{}", std::process::id()));
    let engine = Engine::new(EngineConfig::new(&spill), Vec::new())?;
    let runtime = tokio::runtime::Runtime::new()?;
    for query in catalogue.list() {
        let planned = query.bind_to_plan(clock::now());
        let planned = planned.and_then(|params| runtime.block_on(engine.check(&query.sql, &params, empty_tables())));
        match planned {
            Ok(()) => print_line(format_args!("query           ok  {}", query.name))?,
            Err(error) => {
                wrong += 1;
                eprintln!("query           bad {}: {error}", query.file);
            }
        }
    }
    for file in serve::boards(&config).list() {
        let problems = boards::problems(&file, &catalogue);
        if problems.is_empty() {
            print_line(format_args!("dashboard       ok  {}", file.name))?;
        }
        wrong += problems.len();
        problems.iter().for_each(|problem| eprintln!("dashboard       bad {problem}"));
    }
    let _ = std::fs::remove_dir_all(spill);
    Ok(wrong == 0)
}

fn empty_tables() -> Tables {
    let empty = |kind: Kind| Arc::new(EmptyTable::new(Arc::clone(TableSchema::of(kind).queried())));
    let states = issues::states_table(std::iter::empty(), 0);
    let states = states.ok().map(|states| ("issue_states".to_owned(), states));
    Kind::ALL.into_iter().map(|kind| (kind.table().to_owned(), empty(kind) as Arc<_>)).chain(states).collect()
}
