// Runs a script beside this file in a process of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { within } from "../server.mjs";

const PATIENCE_MS = 90_000;

/** Resolves to what the script said once it has ended well, and fails with it otherwise. */
export const run = async (program, script, args) => {
  const child = spawn(program, [fileURLToPath(new URL(script, import.meta.url)), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  const ended = new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
  const code = await within(ended, PATIENCE_MS, `${script} did not end: ${said}`).finally(() => child.kill());
  assert.equal(code, 0, `${script} failed:\n${said}`);
  return said;
};

export const node = (script, args) => run(process.execPath, script, args);
