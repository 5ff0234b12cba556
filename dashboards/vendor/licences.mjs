// Prints the licences and notices of every package that went into a bundle, from the list that esbuild made of it.
import { readFileSync, readdirSync } from "node:fs";

const { inputs } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const folders = Object.keys(inputs).map((path) => /^(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
for (const folder of [...new Set(folders.filter(Boolean))].sort()) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const texts = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && /^(licen[cs]e|notice|copying)/i.test(file.name))
    .map((file) => `${file.parentPath}/${file.name}`)
    .filter((path) => !path.slice(folder.length).includes("node_modules"));
  if (texts.length === 0) throw new Error(`${name} has no licence text`);
  console.log(`==== ${name} ${version} (${license})\n`);
  for (const text of texts.sort()) console.log(`${readFileSync(text, "utf8").trim()}\n`);
}
