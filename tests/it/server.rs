//! Starts the program on a directory of the test's own and ends it again. Only children of the test are ever killed.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Client;

/// The bootstrap key of every server under test: every scope.
pub(crate) const ADMIN_KEY: &str = "wk_admin_keyOfTheTestsAndNobodyElse0";

/// How long anything that should happen soon may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Settings under which buffers become files often, so that a short test meets flushes, commits and compactions.
pub(crate) const SETTLES_OFTEN: &str = "[ingest]\nflush_interval_ms = 100\nsegment_bytes_max = 1048576\n";

/// Settings under which nothing is flushed while a test runs: what it finds is in the log.
pub(crate) const NEVER_SETTLES: &str = "[ingest]\nflush_interval_ms = 600000\nunflushed_age_ms_max = 1200000\n";

/// Looks until there is something to see, or fails at the deadline.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(SOON, what, look)
}

/// The same with a deadline of its own.
pub(crate) fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(15));
    }
}

/// A directory with a configuration file and a data directory, removed at the end.
pub(crate) struct Site {
    dir: TempDir,
}

impl Site {
    /// Makes one with the default configuration.
    pub(crate) fn new() -> Self {
        Self::with_config("")
    }

    /// Makes one with this configuration.
    pub(crate) fn with_config(config: &str) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        site.write("weir.toml", config.as_bytes());
        site
    }

    /// Makes one with a rule of the user's own, `many_grants`: four guests of one device that were granted credits.
    pub(crate) fn with_many_grants() -> Self {
        let site = Self::new();
        site.write("data/queries/rules/many_grants.sql", include_bytes!("many_grants.sql"));
        site
    }

    /// Returns the data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Returns a path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file in the directory; a file of that name is replaced at once.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let beside = path.with_extension("new");
        std::fs::write(&beside, bytes).unwrap();
        std::fs::rename(&beside, &path).unwrap();
        path
    }

    /// Returns a command of the program, in this directory, in an environment without `WEIR_` variables.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("WEIR_"));
        ours.for_each(|name| {
            command.env_remove(name);
        });
        command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command of the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(&self) -> Server {
        let server = self.start_unready();
        let anonymous = server.anonymous();
        eventually("/readyz says 200", || (anonymous.get("/readyz").status == 200).then_some(()));
        server
    }

    /// Starts the server and waits until it listens, but not until it is ready.
    pub(crate) fn start_unready(&self) -> Server {
        let mut command =
            self.command(&["serve", "--listen", "127.0.0.1:0", "--config", "weir.toml", "--data", "data"]);
        command.env("WEIR_ADMIN_KEY", ADMIN_KEY);
        Server::spawn(command)
    }

    /// Starts the server and waits until its rules know the past, so that no answer is degraded.
    pub(crate) fn start_warm(&self) -> Server {
        let server = self.start();
        let anonymous = server.anonymous();
        eventually("the rules are warm", || (anonymous.get("/readyz").json()["rules_warm"] == true).then_some(()));
        server
    }
}

/// A running server. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    url: String,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts a command that prints the line `listening on http://…`, and waits for the line.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while errors.read_line(&mut line).is_ok_and(|read| read > 0) {
                into.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let Some(url) = line.trim_end().strip_prefix("listening on ").map(str::to_owned) else {
            let _ = child.kill();
            let status = child.wait().unwrap();
            reader.join().unwrap();
            panic!("the server did not listen: {status}, stdout {line:?}, stderr {}", log.lock().unwrap());
        };
        // Nobody may be stopped by a pipe that is full.
        let rest = std::thread::spawn(move || drop(out.read_to_end(&mut Vec::new())));
        Self { child, url, log, readers: vec![reader, rest] }
    }

    /// Returns the address, `http://…`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the process' id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns what it has written to stderr.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Speaks without a key.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(&self.url, None)
    }

    /// Speaks with every scope.
    pub(crate) fn admin(&self) -> Client {
        self.with_key(ADMIN_KEY)
    }

    /// Speaks with this key.
    pub(crate) fn with_key(&self, key: &str) -> Client {
        Client::new(&self.url, Some(key))
    }

    /// Makes a key and speaks with it.
    pub(crate) fn key(&self, body: &Value) -> Client {
        let made = self.admin().post("/v1/keys", body).expect(200);
        self.with_key(made["key"].as_str().unwrap())
    }

    /// Makes a key of one scope, named `only` and the scope, and speaks with it.
    pub(crate) fn scope(&self, scope: &str) -> Client {
        self.key(&json!({"name": format!("only{}", scope.replace('_', "")), "scopes": [scope]}))
    }

    /// Tells whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills it at once, as a power cut would, and waits for its end.
    pub(crate) fn kill(mut self) {
        self.end_by_kill();
    }

    /// Asks it to end and waits; tells how it ended and how long it took.
    pub(crate) fn terminate(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal(Signal::TERM);
        let status = eventually("the server ends after SIGTERM", || self.child.try_wait().unwrap());
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        (status, asked.elapsed())
    }

    /// Asks it to end and holds it to the promise: exit code 0 within 10 s.
    pub(crate) fn stop(self) {
        let (status, took) = self.terminate();
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(10), "took {took:?} to end");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn end_by_kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end_by_kill();
        if std::thread::panicking() {
            eprintln!("--- the server's log\n{}---", self.log.lock().unwrap());
        }
    }
}

/// Returns the memory that a process has held at most, bytes.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Returns every file below a directory.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}
