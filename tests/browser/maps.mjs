// A source map of one function, uploaded as Sentry's tools do: a zip in chunks, then the request to make a bundle of it.
import { createHash } from "node:crypto";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";

import { ADMIN_KEY } from "../server.mjs";

/** The source, and the served file that was made of it. */
export const SOURCE = "export function paint() {\n\t// <b>not markup</b>\n\tthrow new TypeError('no pen');\n}\n";
export const SERVED = "https://app.example/app.js";
const MINIFIED = 'function p(){throw new TypeError("no pen")}\n//# sourceMappingURL=app.js.map\n';
export const COLUMN = MINIFIED.indexOf("throw") + 1;
const RELEASE = "2.4.1";

const MAP = { version: 3, sources: ["../src/paint.ts"], sourcesContent: [SOURCE], names: ["paint"], mappings: "AAAO,SAASA,IAEd" };
const MANIFEST = {
  release: RELEASE,
  files: {
    "files/_/_/app.js": { type: "minified_source", url: "~/app.js", headers: { sourcemap: "app.js.map" } },
    "files/_/_/app.js.map": { type: "source_map", url: "~/app.js.map", headers: {} },
  },
};

const u16 = (number) => [number & 255, number >> 8];
const u32 = (number) => [...u16(number & 0xffff), ...u16(number >>> 16)];

/** Writes a zip (APPNOTE 6.3.3): local headers with their files, the directory, its end. Before it stands what bundles begin with. */
const zip = (files) => {
  const [parts, directory] = [[Buffer.from("SYSB\x02\0\0\0", "latin1")], []];
  let at = parts[0].length;
  for (const [name, text] of files) {
    const [bytes, packed] = [Buffer.from(text), deflateRawSync(Buffer.from(text))];
    const about = [...u16(20), ...u16(0), ...u16(8), ...u32(0), ...u32(crc32(bytes)), ...u32(packed.length), ...u32(bytes.length), ...u16(name.length), ...u16(0)];
    const local = Buffer.concat([Buffer.from([...u32(0x04034b50), ...about]), Buffer.from(name), packed]);
    directory.push(Buffer.from([...u32(0x02014b50), ...u16(20), ...about, ...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(at)]), Buffer.from(name));
    parts.push(local);
    at += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = [...u32(0x06054b50), ...u32(0), ...u16(files.length), ...u16(files.length), ...u32(listed.length), ...u32(at), ...u16(0)];
  return Buffer.concat([...parts, listed, Buffer.from(end)]);
};

/** Uploads the map. */
export const uploadMap = async (server) => {
  const bundle = zip([["files/_/_/app.js", MINIFIED], ["files/_/_/app.js.map", JSON.stringify(MAP)], ["manifest.json", JSON.stringify(MANIFEST)]]);
  const checksum = createHash("sha1").update(bundle).digest("hex");
  const form = new FormData();
  form.append("file_gzip", new Blob([gzipSync(bundle)]), checksum);
  const path = `${server.url}/api/0/organizations/weir/chunk-upload/`;
  const sent = await fetch(path, { method: "POST", headers: { authorization: `Bearer ${ADMIN_KEY}` }, body: form });
  if (!sent.ok) throw new Error(await sent.text());
  const made = await server.call("/api/0/organizations/weir/artifactbundle/assemble/", { checksum, chunks: [checksum] });
  if (made.state !== "ok") throw new Error(JSON.stringify(made));
};
