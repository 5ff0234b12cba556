// Starts a weir of its own for a test, on a throw-away directory and a free port, and ends it again.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const target = process.env.CARGO_TARGET_DIR ?? process.env.WEIR_TARGET_DIR ?? join(homedir(), ".cache/weir-target");
const program = process.env.WEIR_BINARY ?? join(target, "debug/weir");

/** The key with every scope that the servers of the tests know. */
export const ADMIN_KEY = "wk_tester_0123456789abcdefghijklmnopqrstuv";

/** How long a server may take to start or to end, in milliseconds. */
const PATIENCE_MS = 30_000;

/** Fails with `words` unless `promise` settles in time. */
export const within = (promise, ms, words) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(words)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

export class Server {
  /** Starts a server; `env` adds variables, `dir` reuses a data directory. Resolves once it says that it listens. */
  static async start({ env = {}, dir, listen = "127.0.0.1:0" } = {}) {
    const server = new Server();
    server.dir = dir ?? (await mkdtemp(join(tmpdir(), "weir-test-")));
    const args = ["serve", "--data", server.dir, "--listen", listen, "--pg-listen", "off"];
    server.log = "";
    server.child = spawn(program, args, {
      env: { ...process.env, WEIR_ADMIN_KEY: ADMIN_KEY, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    server.child.stderr.on("data", (text) => (server.log += text));
    server.ended = new Promise((resolve) => server.child.once("exit", (code, signal) => resolve({ code, signal })));
    const address = new Promise((resolve, reject) => {
      createInterface({ input: server.child.stdout }).on("line", (line) => {
        const found = /^listening on (http:\/\/\S+)$/.exec(line.trim());
        if (found) resolve(found[1]);
      });
      server.child.once("error", reject);
      server.ended.then(({ code }) => reject(new Error(`weir ended with ${code} before it listened:\n${server.log}`)));
    });
    server.url = await within(address, PATIENCE_MS, "weir did not say that it listens").catch((error) => {
      server.child.kill("SIGKILL");
      throw error;
    });
    return server;
  }

  /** Sends a request with the admin key; objects go as JSON, an array of them as NDJSON. */
  async call(path, body, { method = body === undefined ? "GET" : "POST", key = ADMIN_KEY } = {}) {
    const text = Array.isArray(body) ? body.map((line) => JSON.stringify(line)).join("\n") : JSON.stringify(body);
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const response = await fetch(this.url + path, { method, headers, body: body === undefined ? undefined : text });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
    return answer === "" ? undefined : JSON.parse(answer);
  }

  /** Asks it to end, and returns its exit code. */
  async stop() {
    this.child.kill("SIGTERM");
    const { code } = await within(this.ended, PATIENCE_MS, "weir did not end after SIGTERM").catch((error) => {
      this.child.kill("SIGKILL");
      throw error;
    });
    return code;
  }

  /** Ends it if it still runs, and removes its directory. */
  async remove() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}
