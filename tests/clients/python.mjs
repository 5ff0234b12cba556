// Runs a script beside this file with the Python that has the SDKs of requirements.txt; tests/run.sh makes it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { within } from "../server.mjs";

const PATIENCE_MS = 90_000;

/** Resolves once the script has ended well, and fails with what it said otherwise. */
export const python = async (script, args) => {
  const program = process.env.WEIR_TEST_PYTHON;
  assert.ok(program, "WEIR_TEST_PYTHON names a Python with the SDKs of requirements.txt; tests/run.sh sets it");
  const child = spawn(program, [fileURLToPath(new URL(script, import.meta.url)), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  const ended = new Promise((resolve, reject) => child.once("exit", resolve).once("error", reject));
  const code = await within(ended, PATIENCE_MS, `${script} did not end: ${said}`).finally(() => child.kill());
  assert.equal(code, 0, `${script} failed:\n${said}`);
};
