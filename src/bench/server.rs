//! A server under test: a child process on a scratch directory, and what the system says it used.

use std::io::{BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::client::Connection;
use super::process::{Usage, usage_of};

/// The key the bench uses; the servers listen on the loopback interface only and live as long as the bench.
pub(crate) const KEY: &str = "wk_bench_0123456789abcdef0123456789abcdef";

/// A directory of the bench's own, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn create(at: Option<PathBuf>) -> anyhow::Result<Self> {
        let path = at.unwrap_or_else(std::env::temp_dir).join(format!("weir-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Measures what making 64 KiB durable takes here, for a note beside durable figures.
    pub(crate) fn fsync_probe(&self) -> anyhow::Result<String> {
        let mut file = std::fs::File::create(self.0.join("probe"))?;
        let block = vec![1_u8; 64 << 10];
        let mut times = Vec::new();
        for _ in 0..50 {
            file.write_all(&block)?;
            let started = Instant::now();
            file.sync_data()?;
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        Ok(format!("fdatasync of 64 KiB here: p50 {:.2} ms, p98 {:.2} ms", times[25], times[49]))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running child.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `weir serve` and waits until it is ready.
    pub(crate) async fn weir(data: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg("--data").arg(data).args(["--listen", "127.0.0.1:0"]).args(arguments);
        let server = Self::start(command.env("WEIR_ADMIN_KEY", KEY).env("WEIR_LOG", "error"))?;
        let deadline = Instant::now() + Duration::from_secs(120);
        while server.get("/readyz").await.is_err() {
            if Instant::now() > deadline {
                bail!("the server was not ready within two minutes");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(server)
    }

    /// Starts a yardstick.
    pub(crate) fn yardstick(kind: &str, data: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::start(command.args(["bench", "yardstick", kind, "--data"]).arg(data))
    }

    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").map(str::parse);
        let Some(Ok(address)) = address else {
            let _ = child.kill();
            bail!("the server said {line:?} instead of its address");
        };
        Ok(Self { child, address })
    }

    /// Asks for a path and returns the body of a 200.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut connection = Connection::open(self.address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: weir\r\nauthorization: Bearer {KEY}\r\n\r\n");
        let status = connection.exchange(request.as_bytes()).await?;
        let body = String::from_utf8_lossy(connection.body()).into_owned();
        if status == 200 { Ok(body) } else { bail!("GET {path} answered {status}: {body}") }
    }

    /// Runs one SQL statement and returns its rows.
    pub(crate) async fn sql(&self, sql: &str) -> anyhow::Result<Vec<Vec<serde_json::Value>>> {
        let mut connection = Connection::open(self.address).await?;
        let body = serde_json::json!({ "sql": sql }).to_string();
        let status = connection.exchange(&super::client::post("/v1/sql", body.as_bytes())).await?;
        if status != 200 {
            bail!("{sql}: {status} {}", String::from_utf8_lossy(connection.body()));
        }
        let mut answer: serde_json::Value = serde_json::from_slice(connection.body())?;
        Ok(serde_json::from_value(answer["rows"].take())?)
    }

    /// Checks that a table holds the events 0, 1, 2, … up to a count, each once; `number` is an event's number in SQL.
    ///
    /// # Errors
    /// One is missing, or there twice.
    pub(crate) async fn check_numbers(&self, table: &str, number: &str, count: u64) -> anyhow::Result<()> {
        let sql = format!(
            "select count(*), sum(n), sum(n * n % 1000003), max(n) from (select {number} as n from {table}) as numbers"
        );
        let rows = self.sql(&sql).await?;
        let n = i128::from(count);
        let squares: i128 = (0..n).map(|id| id * id % 1_000_003).sum();
        let expected = [n, n * (n - 1) / 2, squares, n - 1];
        let read = |value: &serde_json::Value| {
            value.as_i64().map_or_else(|| value.as_str().and_then(|text| text.parse().ok()).unwrap_or(-1), i128::from)
        };
        let found: Vec<i128> = rows[0].iter().map(read).collect();
        if found != expected {
            bail!("stored ids are not the acknowledged ones: found {found:?}, expected {expected:?}");
        }
        Ok(())
    }

    /// Returns what the process has used, from the system's own accounting.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        usage_of(&self.child.id().to_string())
    }

    /// Kills the process at once (SIGKILL).
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the bytes of all files below a directory.
pub(crate) fn bytes_on_disk(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_on_disk(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
