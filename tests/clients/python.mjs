// Runs a script beside this file with the Python that has the SDKs of requirements.txt; tests/run.sh makes it.
import assert from "node:assert/strict";

import { runScript } from "./child.mjs";

/** Resolves to what the script said once it has ended well, and fails with it otherwise. */
export const python = (script, args) => {
  const program = process.env.WEIR_TEST_PYTHON;
  assert.ok(program, "WEIR_TEST_PYTHON names a Python with the SDKs of requirements.txt; tests/run.sh sets it");
  return runScript(program, script, args);
};
