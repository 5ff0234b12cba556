//! Bundles as sentry-cli writes them, around what esbuild makes of three lines.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde_json::{Value, json};

pub(super) const DEBUG_ID: &str = "1513f2ea-7613-542b-9174-b020748bf9cf";

pub(super) const SOURCE: &str = "export function outer(n) { return inner(n + 1); }\n\
    function inner(n) { if (n > 1) throw new TypeError(\"x is \" + n); return n; }\nconsole.log(outer(3));\n";

pub(super) const MINIFIED: &str = "(()=>{function o(r){return e(r+1)}function e(r){if(r>1)throw new TypeError(\"x is \"+r);\
    return r}console.log(o(3));})();\n//# sourceMappingURL=main.js.map\n";

/// The map that esbuild 0.28 writes for the above.
pub(super) fn map() -> Value {
    json!({
        "version": 3,
        "sources": ["../main.js"],
        "sourcesContent": [SOURCE],
        "names": ["outer", "n", "inner"],
        "mappings": "MAAO,SAASA,EAAMC,EAAG,CAAE,OAAOC,EAAMD,EAAI,CAAC,CAAG,CAChD,SAASC,EAAMD,EAAG,CAAE,GAAIA,EAAI,EAAG,MAAM,IAAI,UAAU,QAAUA,CAAC,EAAG,OAAOA,CAAG,CAC3E,QAAQ,IAAID,EAAM,CAAC,CAAC",
    })
}

/// Returns the column, from 1, at which this stands in the served file.
pub(super) fn col_of(text: &str) -> i64 {
    i64::try_from(MINIFIED.find(text).unwrap()).unwrap() + 1
}

/// The manifest of a bundle of the served file and its map.
pub(super) fn manifest(debug_id: Option<&str>, release: Option<&str>) -> Value {
    let mut manifest = json!({
        "files": {
            "files/_/_/main.js": {"type": "minified_source", "url": "~/static/main.js", "headers": {"sourcemap": "main.js.map"}},
            "files/_/_/main.js.map": {"type": "source_map", "url": "~/static/main.js.map", "headers": {}},
        },
        "org": "weir", "project": "app", "release": release,
    });
    if let Some(id) = debug_id {
        for file in ["files/_/_/main.js", "files/_/_/main.js.map"] {
            manifest["files"][file]["headers"]["debug-id"] = json!(id);
        }
    }
    manifest
}

/// Makes a bundle of these files.
pub(super) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipArchiveWriter::builder().with_offset(8).build(b"SYSB\x02\0\0\0".to_vec());
    for (name, bytes) in files {
        let file = zip.new_file(EntryPath::verbatim(name.as_bytes())).compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().unwrap();
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::fast()));
        writer.write_all(bytes).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    zip.finish().unwrap()
}

/// Makes the bundle that sentry-cli makes of the above.
pub(super) fn bundle(debug_id: Option<&str>, release: Option<&str>) -> Vec<u8> {
    bundle_of(&map(), &manifest(debug_id, release))
}

/// The same with another map.
pub(super) fn bundle_of(map: &Value, manifest: &Value) -> Vec<u8> {
    zipped(&[
        ("files/_/_/main.js", MINIFIED.as_bytes()),
        ("files/_/_/main.js.map", map.to_string().as_bytes()),
        ("manifest.json", manifest.to_string().as_bytes()),
    ])
}
