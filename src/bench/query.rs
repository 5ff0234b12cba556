//! `weir bench query`: aggregate questions over simulated events, against DuckDB over the same Parquet files.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;

use super::client::{Connection, post};
use super::report::Report;
use super::server::{Scratch, Server};

/// Each question in words that both engines understand.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "counts a minute",
        "select date_trunc('minute', received_at) as bucket, count(*) as n from usage group by 1 order by 1 limit 2000",
    ),
    (
        "error rate by route",
        "select route, count(*) as n, sum(case when status = 'error' then 1 else 0 end) as errors from usage group by route order by route",
    ),
    (
        "people",
        "select count(*) as n from (select account_id from usage where account_id is not null group by account_id) as people",
    ),
    (
        "top accounts by quantity",
        "select account_id, sum(quantity) as n from usage where account_id is not null group by account_id order by n desc, account_id limit 20",
    ),
    (
        "devices shared by accounts",
        "select count(*) as n from (select device_id from (select device_id, account_id from usage where account_id is not null group by 1, 2) as pairs group by device_id having count(*) >= 2) as shared",
    ),
    ("text search in properties", "select count(*) as n from usage where properties like '%watercolour%'"),
];

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// Simulated events.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Hot runs of each question.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The Python that has the package `duckdb`.
    #[arg(long, default_value = "python3")]
    python: String,
}

/// Runs the workload.
pub(crate) async fn run(args: &QueryArgs, scratch: &Scratch) -> anyhow::Result<Report> {
    let mut report = Report::new("query");
    let data = scratch.path().join("data");
    let server = Server::weir(&data, &[]).await?;
    fill(&server, args.events).await?;
    let usage = data.join("lake/usage");
    let yardstick = duckdb(args, &usage);
    for (index, (name, sql)) in QUESTIONS.iter().enumerate() {
        let mut times = Vec::new();
        let mut rows = Vec::new();
        for _ in 0..=args.rounds {
            let started = Instant::now();
            rows = server.sql(sql).await?;
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        let theirs = match &yardstick {
            Ok(answers) => {
                let (count, times) = &answers[index];
                ensure!(*count == rows.len(), "{name}: {} rows here, {count} from DuckDB", rows.len());
                Some(&times[1..])
            }
            Err(_) => None,
        };
        report.add(name, "ms", &times[1..], theirs);
    }
    match yardstick {
        Ok(_) => report.note("the yardstick is DuckDB with 2 threads over the same files; row counts agree".into()),
        Err(error) => report.note(format!("no yardstick: {error:#} (pip install duckdb)")),
    }
    report.add("peak RSS", "MiB", &[server.usage()?.peak_rss_bytes as f64 / f64::from(1 << 20)], None);
    Ok(report)
}

/// Sends events and waits until all of them lie in files.
async fn fill(server: &Server, events: u64) -> anyhow::Result<()> {
    use super::load::Traffic;
    let batches = super::events::Batches::new(1_000);
    let mut link = Connection::open(server.address).await?;
    let mut request = Vec::new();
    for number in 0..events.div_ceil(1_000) {
        batches.prepare(0, number, &mut request);
        while link.exchange(&request).await? == 503 {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        let status: serde_json::Value = serde_json::from_str(&server.get("/v1/status").await?)?;
        if status.pointer("/tables/usage/unflushed_rows").and_then(serde_json::Value::as_u64) == Some(0) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the buffer did not settle within five minutes");
        // One more small write lets the age limit seal the last epoch.
        link.exchange(&post("/v1/events", b"{\"kind\":\"log\",\"message\":\"settle\"}")).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

type Answers = Vec<(usize, Vec<f64>)>;

fn duckdb(args: &QueryArgs, usage: &Path) -> anyhow::Result<Answers> {
    let script = "import sys, json, time, duckdb\n\
        spec = json.load(sys.stdin)\n\
        db = duckdb.connect(config={'threads': 2})\n\
        db.execute(f\"create view usage as select * from read_parquet('{spec['files']}', union_by_name=true)\")\n\
        out = []\n\
        for sql in spec['sql']:\n\
        \x20   times = []\n\
        \x20   for _ in range(spec['rounds'] + 1):\n\
        \x20       t = time.perf_counter(); rows = db.execute(sql).fetchall(); times.append((time.perf_counter() - t) * 1000)\n\
        \x20   out.append([len(rows), times])\n\
        print(json.dumps(out))\n";
    let spec = serde_json::json!({
        "files": format!("{}/*/*.parquet", usage.display()), "rounds": args.rounds,
        "sql": QUESTIONS.iter().map(|(_, sql)| sql).collect::<Vec<_>>(),
    });
    let input = serde_json::to_vec(&spec)?;
    let mut child = Command::new(&args.python)
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", args.python))?;
    use std::io::Write;
    child.stdin.take().context("no input")?.write_all(&input)?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{}", error.lines().last().unwrap_or("it failed").to_owned());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
