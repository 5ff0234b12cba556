// Runs a program, or a script beside this file, in a process of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { within } from "../server.mjs";

const PATIENCE_MS = 90_000;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Resolves to what the program said once it has ended well, and fails with it otherwise. `env` adds variables. */
export const run = async (program, args, env = {}) => {
  const script = [program, ...args].join(" ");
  const path = program.includes("/") && !program.startsWith("/") ? here(program) : program;
  const child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  const ended = new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
  const code = await within(ended, PATIENCE_MS, `${script} did not end: ${said}`).finally(() => child.kill());
  assert.equal(code, 0, `${script} failed:\n${said}`);
  return said;
};

/** The same with a script beside this file. */
export const runScript = (program, script, args) => run(program, [here(script), ...args]);

export const node = (script, args) => runScript(process.execPath, script, args);
