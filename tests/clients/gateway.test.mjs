// A real nginx asks Weir about each request (auth_request), with the configuration that docs/gateways.md prints.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ADMIN_KEY, Server, within } from "../server.mjs";

let server, app, dir, nginx, gateway;
const reached = [];

const freePort = async () => {
  const socket = createSocket();
  await new Promise((resolve) => socket.listen(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
};

/** Returns the `server` block of the guide, for this Weir, this app and this port. */
const fromGuide = async (port) => {
  const guide = await readFile(new URL("../../docs/gateways.md", import.meta.url), "utf8");
  const block = /```nginx\n([\s\S]*?)```/.exec(guide)?.[1];
  assert.ok(block, "docs/gateways.md has an nginx block");
  return block
    .replaceAll("listen 443 ssl;", `listen 127.0.0.1:${port};`)
    .replaceAll("http://127.0.0.1:8600", server.url)
    .replaceAll("http://127.0.0.1:3000", `http://127.0.0.1:${app.address().port}`)
    .replaceAll("wk_gateway_…", ADMIN_KEY);
};

before(async () => {
  server = await Server.start();
  app = createServer((request, response) => {
    reached.push(request);
    response.statusCode = request.url.endsWith("/forbidden") ? 403 : 200;
    // It reads the body first: nginx takes it for broken if it answers and hangs up while the body is still on its way.
    request.resume().once("end", () => response.end("the app"));
  });
  await new Promise((resolve) => app.listen(0, "127.0.0.1", resolve));
  dir = await mkdtemp(join(tmpdir(), "weir-nginx-"));
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${dir}/${kind};`);
  // Started by root, nginx would work as another user, who may not enter the directory.
  const user = process.getuid() === 0 ? "user root;" : "";
  const config = `${user} pid ${dir}/pid; error_log stderr; worker_processes 1; events {}
http { access_log off; ${temporary.join(" ")}
${await fromGuide(port)} }`;
  await writeFile(join(dir, "nginx.conf"), config);
  nginx = spawn("nginx", ["-p", dir, "-c", join(dir, "nginx.conf"), "-g", "daemon off;"], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ["ignore", "inherit", "inherit"],
  });
  nginx.ended = new Promise((resolve, reject) => nginx.once("exit", resolve).once("error", reject));
  gateway = `http://127.0.0.1:${port}`;
  const listens = async () => {
    for (;;) {
      const answer = await fetch(gateway, { redirect: "manual" }).catch(() => undefined);
      if (answer) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await within(Promise.race([listens(), nginx.ended.then((code) => Promise.reject(new Error(`nginx ended: ${code}`)))]), 10_000, "nginx did not listen");
});

after(async () => {
  if (nginx?.exitCode === null) {
    nginx.kill("SIGTERM");
    await nginx.ended;
  }
  app?.closeAllConnections();
  app?.close();
  await server?.remove();
  if (dir) await rm(dir, { recursive: true, force: true });
});

const restrain = (verdict, entity) =>
  server.call("/v1/overrides", { entity_kind: "guest", entity, verdict, reason: "a test", expires_at: Date.now() + 3_600_000 }, { method: "PUT" });

const ask = (guest, { path = "/api/generate", headers = {}, method = "POST" } = {}) =>
  fetch(gateway + path, { method, headers: { cookie: `guest=${guest}`, ...headers }, body: method === "POST" ? "x".repeat(100_000) : undefined });

test("an allowed request reaches the app, which learns the decision", async () => {
  const before = reached.length;
  const answer = await ask("good");
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "the app");
  assert.equal(reached.length, before + 1);
  const id = reached.at(-1).headers["weir-decision"];
  const decision = await server.call(`/v1/decisions/${id}`);
  assert.equal(decision.action, "generate");
  assert.ok(decision.entities.some(({ entity_kind, entity }) => entity_kind === "guest" && entity === "good"));
});

test("a throttle is 429 with Retry-After, a block is 403, and neither reaches the app", async () => {
  await restrain("throttle", "slow");
  await restrain("block", "bad");
  const before = reached.length;
  const slow = await ask("slow");
  assert.equal(slow.status, 429);
  assert.ok(Number(slow.headers.get("retry-after")) >= 1);
  assert.equal((await ask("bad")).status, 403);
  assert.equal(reached.length, before);
});

test("what clients make up does not count", async () => {
  await restrain("block", "bad");
  await restrain("allow", "friend");
  const made = { "weir-guest-id": "friend", "weir-action": "login", "weir-verdict": "allow", authorization: "Bearer nonsense" };
  assert.equal((await ask("bad", { headers: made })).status, 403);
  assert.equal((await ask("good", { headers: made, path: "/api/generate?action=login&throttle=200" })).status, 200);
});

test("the app's own 403 stays its own, and other paths are not asked about", async () => {
  const answer = await ask("good", { path: "/api/generate/forbidden" });
  assert.deepEqual([answer.status, await answer.text()], [403, "the app"]);
  assert.equal((await ask("bad", { path: "/", method: "GET" })).status, 200);
});

test("without Weir nothing is let through", async () => {
  await server.stop();
  const before = reached.length;
  assert.equal((await ask("good")).status, 500);
  assert.equal(reached.length, before);
});
