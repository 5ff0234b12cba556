// sentry-cli and a bundler's plugin, unmodified, upload source maps to Weir; what @sentry/node then reports has its sources.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { sentryEsbuildPlugin } from "@sentry/bundler-plugins/esbuild";
import { build } from "esbuild";

import { node, run } from "./child.mjs";
import { House } from "./sdk.mjs";

const GALLERY = `type Pens = { left: number };

function takePen(pens: Pens): Pens {
  if (pens.left < 1) {
    throw new RangeError("no pens left");
  }
  return { left: pens.left - 1 };
}

export function drawPicture(pens: Pens): Pens {
  const rest = takePen(takePen(pens));
  return { left: rest.left };
}
`;
const FRAME = `export function withFrame<T>(paint: () => T): T {
  const painted = paint();
  return painted;
}
`;

let house, dir;

before(async () => {
  house = await House.open({ scope: "ingest", counts: /^$/ });
  // Beside node_modules, which what is built here looks for.
  dir = await mkdtemp(fileURLToPath(new URL(".build-", import.meta.url)));
  await writeFile(join(dir, "gallery.ts"), GALLERY);
  await writeFile(join(dir, "frame.ts"), FRAME);
});

after(async () => {
  await house?.close();
  if (dir) await rm(dir, { recursive: true, force: true });
});

const built = (name, into, plugins = []) =>
  build({
    entryPoints: [join(dir, `${name}.ts`)],
    outfile: join(dir, into, `${name}.mjs`),
    bundle: true,
    minify: true,
    sourcemap: true,
    format: "esm",
    logLevel: "silent",
    plugins,
  });

const cli = (...args) =>
  run("node_modules/.bin/sentry-cli", args, {
    SENTRY_URL: house.url,
    SENTRY_AUTH_TOKEN: house.key,
    SENTRY_ORG: "weir",
    SENTRY_PROJECT: "app",
  });

/** Runs what was built until it fails; resolves to the stack that Weir tells of it. */
const stackOf = async (gallery, frame) => {
  const said = await node("sentry_maps.mjs", [house.dsn, join(dir, gallery), join(dir, frame)]);
  const id = said.match(/[0-9a-f]{32}/)?.[0];
  await house.expect(`select count(*) from errors where event_id = '${id}'`, [[1]]);
  return (await house.server.call(`/v1/events/errors/${id}/stack`)).frames;
};

const uploads = () => house.proxy.paths.filter((path) => path === "POST /api/0/organizations/weir/chunk-upload/").length;

test("sentry-cli injects and uploads, and a stack has its sources", async () => {
  await built("gallery", "dist/told");
  await built("frame", "dist/untold");
  await cli("sourcemaps", "inject", join(dir, "dist"));
  await cli("sourcemaps", "upload", join(dir, "dist/told"));
  assert.equal(uploads(), 1);

  const [thrown, caller, painter, wrapped] = await stackOf("dist/told/gallery.mjs", "dist/untold/frame.mjs");
  assert.match(thrown.file, /gallery\.ts$/);
  assert.deepEqual(
    [thrown.function, thrown.line, thrown.in_app, thrown.missing],
    ["takePen", 5, true, undefined],
    JSON.stringify(thrown),
  );
  const lines = GALLERY.split("\n");
  assert.deepEqual(thrown.context, { before: lines.slice(0, 4), line: lines[4], after: lines.slice(5, 10) });
  assert.match(thrown.minified.file, /dist\/told\/gallery\.mjs$/);
  assert.deepEqual([caller.function, caller.line], ["drawPicture", 11], JSON.stringify(caller));
  assert.match(painter.file, /sentry_maps\.mjs$/, "what was never minified stays as it is");
  assert.match(wrapped.file, /dist\/untold\/frame\.mjs$/);
  assert.match(wrapped.missing, /^source map with debug id [0-9a-f-]{36} for file \S+\/untold\/frame\.mjs was not uploaded$/);
  assert.equal(wrapped.minified, undefined);
});

test("an upload again sends nothing, and the one that was missing is told of at once", async () => {
  const before = uploads();
  await cli("sourcemaps", "upload", join(dir, "dist/told"));
  assert.equal(uploads(), before, house.proxy.paths.join(", "));
  await cli("sourcemaps", "upload", "--release", "studio@1.2.3", "--wait", join(dir, "dist/untold"));
  assert.equal(uploads(), before + 1);
  const [, , , wrapped] = await stackOf("dist/told/gallery.mjs", "dist/untold/frame.mjs");
  assert.deepEqual([wrapped.function, wrapped.line, wrapped.missing], ["withFrame", 2, undefined], JSON.stringify(wrapped));
});

test("sentry-cli announces releases", async () => {
  await cli("releases", "new", "studio@1.2.3");
  await cli("releases", "finalize", "studio@1.2.3");
});

test("a key that may not upload is refused in words", async () => {
  const { key } = await house.server.call("/v1/keys", { name: "web", scopes: ["ingest_public"], origins: ["https://app.example"] });
  const env = { SENTRY_URL: house.url, SENTRY_AUTH_TOKEN: key, SENTRY_ORG: "weir", SENTRY_PROJECT: "app" };
  const args = ["sourcemaps", "upload", join(dir, "dist/told")];
  await assert.rejects(run("node_modules/.bin/sentry-cli", args, env), /403/);
});

test("a bundler's plugin uploads, and a stack has its sources", async () => {
  const problems = [];
  const plugin = sentryEsbuildPlugin({
    url: house.url,
    authToken: house.key,
    org: "weir",
    project: "app",
    telemetry: false,
    release: { name: "studio@2", finalize: true, setCommits: false },
    errorHandler: (error) => problems.push(error),
  });
  await built("gallery", "plugged", [plugin]);
  assert.deepEqual(problems.map(String), []);
  const [thrown, caller] = await stackOf("plugged/gallery.mjs", "dist/untold/frame.mjs");
  assert.match(thrown.minified.file, /plugged\/gallery\.mjs$/, JSON.stringify(thrown));
  assert.deepEqual([thrown.line, caller.line], [5, 11]);
  assert.equal(thrown.context.line, '    throw new RangeError("no pens left");');
});
