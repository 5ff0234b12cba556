// A server for an unmodified SDK, behind a proxy that fails now and then, as networks do; and what SQL says of it afterwards.
import assert from "node:assert/strict";
import { createServer, request as send } from "node:http";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

import { Server } from "../server.mjs";

/** How long an SDK may take to deliver: its retries wait for seconds. */
const PATIENCE_MS = 40_000;

const listen = async (server) => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server.address().port;
};

/**
 * Stands before a server. Each request that `counts` meets the next of `faults`: "lost", it arrives and its sender is told
 * 503 all the same; "refused", it does not arrive. When they are used up, all goes well. `only` keeps faults to bodies that match it.
 */
class Proxy {
  static async start(target, counts) {
    const proxy = new Proxy();
    proxy.faults = [];
    proxy.paths = [];
    proxy.server = createServer((request, response) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => proxy.#pass(target, counts, request, Buffer.concat(chunks), response));
    });
    proxy.url = `http://127.0.0.1:${await listen(proxy.server)}`;
    return proxy;
  }

  #pass(target, counts, request, body, response) {
    const meets = request.method === "POST" && counts.test(request.url) && (this.only?.test(body) ?? true);
    const fault = meets ? this.faults.shift() : undefined;
    if (request.method !== "OPTIONS") this.paths.push(`${request.method} ${request.url.split("?")[0]}`);
    const unavailable = (headers) => response.writeHead(503, { ...headers, "retry-after": "1" }).end("{}");
    if (fault === "refused") {
      const { origin } = request.headers;
      const readable = { "access-control-allow-credentials": "true", "access-control-expose-headers": "retry-after" };
      return unavailable(origin ? { "access-control-allow-origin": origin, ...readable } : {});
    }
    const { hostname, port } = new URL(target);
    const onward = send({ hostname, port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => {
        const { "content-length": _, "transfer-encoding": __, ...headers } = answer.headers;
        if (fault === "lost") {
          if (answer.statusCode !== 200) this.faults.push(`nothing was lost: ${answer.statusCode} ${Buffer.concat(parts)}`);
          return unavailable(headers);
        }
        response.writeHead(answer.statusCode, headers).end(Buffer.concat(parts));
      });
    });
    onward.once("error", () => response.destroy());
    onward.end(body);
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

export class House {
  /** Starts a server with a key of this scope, behind a proxy; `counts` matches the paths on which events come. */
  static async open({ scope, counts, origins, env }) {
    const house = new House();
    house.server = await Server.start({ env });
    house.proxy = await Proxy.start(house.server.url, counts);
    house.url = house.proxy.url;
    house.key = (await house.server.call("/v1/keys", { name: "sdk", scopes: [scope], origins })).key;
    return house;
  }

  /** Asks SQL; resolves to the rows. */
  async rows(sql) {
    return (await this.server.call("/v1/sql", { sql })).rows;
  }

  /** Resolves once SQL answers this, or fails with what it answers instead. */
  async expect(sql, expected) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const rows = await this.rows(sql);
      if (JSON.stringify(rows) === JSON.stringify(expected)) return;
      if (Date.now() > deadline) return assert.deepEqual(rows, expected, sql);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Does something again and again until `done` resolves to a yes. */
  async until(done, doing, words) {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await done())) {
      assert.ok(Date.now() < deadline, words);
      await doing();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Returns the key's DSN, as Sentry's SDKs want it. */
  get dsn() {
    return `${this.url.replace("://", `://${this.key}@`)}/1`;
  }

  /** Resolves to what the SDK told us that it dropped itself: by category, by reason. */
  async droppedByClient() {
    return (await this.server.call("/v1/status")).dropped_by_clients.sdk ?? {};
  }

  /** Fails unless every fault was met, nothing was doubled or refused, and `duplicates` repeats were recognised at least. */
  async expectDelivered({ duplicates = 1 } = {}) {
    assert.deepEqual(this.proxy.faults, [], `faults that nobody met; requests: ${this.proxy.paths.join(", ")}`);
    const { outcomes } = await this.server.call("/v1/status");
    const { received, stored, duplicate, rejected } = outcomes.sdk;
    assert.equal(rejected, 0, JSON.stringify(await this.rows("select code, message, event from rejects")));
    assert.equal(received, stored + duplicate);
    assert.ok(duplicate >= duplicates, `the retries were recognised: ${JSON.stringify(outcomes.sdk)}`);
    const tables = ["usage", "errors", "identities", "sessions", "logs"].map((table) => `select event_id, source from ${table}`).join(" union all ");
    const [[rows, ids]] = await this.rows(`select count(*), count(distinct event_id) from (${tables}) all_rows`);
    assert.deepEqual([rows, ids], [stored, stored], "each once");
  }

  async close() {
    this.proxy?.close();
    await this.server?.remove();
  }
}

const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

const MODULES = new URL("node_modules/", import.meta.url);

/** A Chromium with an empty page of an origin of its own, on which a script from `node_modules` runs. */
export class Page {
  static async open(script) {
    const code = await readFile(new URL(script, MODULES));
    return Page.#serve('<script src="/sdk.js"></script>', async (path) => (path === "/sdk.js" ? code : undefined));
  }

  /** The same with packages of modules as npm installed them: the page finds each where Node does. Its window has `sdk`. */
  static async openModules(name, ...needed) {
    const place = (module) => new URL(import.meta.resolve(module)).href.replace(MODULES.href, "/modules/");
    const imports = Object.fromEntries([name, ...needed].map((module) => [module, place(module)]));
    const script = `<script type="importmap">${JSON.stringify({ imports })}</script>
      <script type="module">window.sdk = await import("${name}");</script>`;
    const page = await Page.#serve(script, async (path) =>
      path.startsWith("/modules/") && !path.includes("..") ? readFile(new URL(path.slice("/modules/".length), MODULES)) : undefined,
    );
    page.isReady = () => window.sdk !== undefined;
    return page;
  }

  static async #serve(script, find) {
    const page = new Page();
    page.site = createServer(async (request, response) => {
      const code = await find(request.url.split("?")[0]).catch(() => undefined);
      response.setHeader("content-type", code === undefined ? "text/html; charset=utf-8" : "text/javascript");
      response.end(code ?? `<!doctype html><title>A private title</title>${script}`);
    });
    // Another host than the server's, so that it is another site, too.
    page.origin = `http://localhost:${await listen(page.site)}`;
    page.browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGS, headless: true });
    return page;
  }

  /** Loads the page anew; resolves to it. */
  async load() {
    const tab = await this.browser.newPage();
    tab.on("console", (message) => process.env.WEIR_TEST_VERBOSE && console.log(message.text()));
    await tab.goto(`${this.origin}/gallery?prompt=a+cat`);
    if (this.isReady) await tab.waitForFunction(this.isReady);
    return tab;
  }

  async close() {
    await this.browser?.close();
    this.site?.closeAllConnections();
    this.site?.close();
  }
}
