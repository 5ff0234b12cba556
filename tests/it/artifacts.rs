//! Source maps over HTTP: what Sentry's tools upload, what a stack then says, and uploads that are not what they should be.
//! That the tools themselves are content is shown in `tests/clients`.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::http::{Client, Reply};
use crate::server::{Server, Site, files_below};

const UPLOAD: &str = "/api/0/organizations/weir/chunk-upload/";
const ASSEMBLE: &str = "/api/0/organizations/weir/artifactbundle/assemble/";
const DEBUG_ID: &str = "1513f2ea-7613-542b-9174-b020748bf9cf";
const SOURCE: &str = "export function draw() {\n  throw new TypeError('no pen');\n}\n";
const MINIFIED: &str = "function d(){throw new TypeError(\"no pen\")}\n//# sourceMappingURL=app.js.map\n";

fn sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A map by which the served `d` is `draw`, and the `throw` the second line's.
fn map() -> Value {
    json!({"version": 3, "sources": ["../../src/draw.ts"], "sourcesContent": [SOURCE], "names": ["draw"],
        "mappings": "AAAO,SAASA,IACd"})
}

fn manifest() -> Value {
    json!({"release": "web@1", "files": {
        "files/_/_/app.js": {"type": "minified_source", "url": "~/app.js", "headers": {"debug-id": DEBUG_ID, "sourcemap": "app.js.map"}},
        "files/_/_/app.js.map": {"type": "source_map", "url": "~/app.js.map", "headers": {"debug-id": DEBUG_ID}},
    }})
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
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

fn bundle_of(map: &Value) -> Vec<u8> {
    let (map, manifest) = (map.to_string(), manifest().to_string());
    zipped(&[
        ("files/_/_/app.js", MINIFIED.as_bytes()),
        ("files/_/_/app.js.map", map.as_bytes()),
        ("manifest.json", manifest.as_bytes()),
    ])
}

fn send_chunk(client: &Client, name: &str, content: &[u8]) -> Reply {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(content).unwrap();
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"file_gzip\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), &gzip.finish().unwrap(), b"\r\n--b--\r\n"].concat();
    client.send("POST", UPLOAD, &[("content-type", "multipart/form-data; boundary=b")], Some(&body))
}

fn assemble(client: &Client, bundle: &[u8]) -> Value {
    let name = sha1(bundle);
    client.post(ASSEMBLE, &json!({"checksum": name, "chunks": [name], "projects": ["app"]})).expect(200)
}

fn upload(client: &Client, bundle: &[u8]) -> Value {
    send_chunk(client, &sha1(bundle), bundle).expect(200);
    assemble(client, bundle)
}

/// Sends an error of the served file, and returns its id.
fn throw(server: &Server, key: &str, number: u32, debug_id: Option<&str>) -> String {
    let id = format!("{number:032x}");
    let file = "https://app.example/app.js";
    let col = MINIFIED.find("throw").unwrap() + 1;
    let images = debug_id.map(|id| json!({"images": [{"type": "sourcemap", "code_file": file, "debug_id": id}]}));
    let frames = json!([{"filename": file, "function": "d", "lineno": 1, "colno": col, "in_app": true}]);
    let event = json!({"event_id": id, "release": "web@1", "debug_meta": images, "user": {"id": "acct_1"},
        "exception": {"values": [{"type": "TypeError", "value": "no pen", "stacktrace": {"frames": frames}}]}});
    let envelope = format!("{{}}\n{{\"type\":\"event\"}}\n{event}\n");
    let path = format!("/api/1/envelope/?sentry_key={key}");
    server.anonymous().send("POST", &path, &[], Some(envelope.as_bytes())).expect(200);
    id
}

fn frame_of(client: &Client, id: &str) -> Value {
    let stack = client.get(&format!("/v1/events/errors/{id}/stack")).expect(200);
    assert_eq!((&stack["event_id"], &stack["release"]), (&json!(id), &json!("web@1")));
    stack["frames"][0].clone()
}

fn is_original(frame: &Value) -> bool {
    frame["file"] == "../../src/draw.ts" && frame["function"] == "draw" && frame["line"] == 2
}

#[test]
fn an_uploaded_map_tells_the_source_of_a_stack_also_after_a_restart() {
    let site = Site::new();
    let server = site.start();
    let app = server.scope("ingest");
    let bundle = bundle_of(&map());
    let name = sha1(&bundle);
    assert_eq!(assemble(&app, &bundle), json!({"state": "not_found", "missingChunks": [name], "detail": null}));
    let id = throw(&server, app.key(), 1, Some(DEBUG_ID));
    let reader = server.scope("query");
    let before = frame_of(&reader, &id);
    assert_eq!(before["file"], "https://app.example/app.js");
    let missing = format!("source map with debug id {DEBUG_ID} for file https://app.example/app.js was not uploaded");
    assert_eq!(before["missing"], json!(missing));
    assert_eq!(upload(&app, &bundle), json!({"state": "ok", "missingChunks": [], "detail": null}));
    let frame = frame_of(&reader, &id);
    assert!(is_original(&frame) && frame["missing"].is_null(), "{frame}");
    assert_eq!(
        frame["context"],
        json!({"before": ["export function draw() {"], "line": "  throw new TypeError('no pen');", "after": ["}", ""]})
    );
    assert_eq!((&frame["in_app"], &frame["minified"]["function"]), (&json!(true), &json!("d")));
    let without_id = throw(&server, app.key(), 2, None);
    assert!(is_original(&frame_of(&reader, &without_id)), "by its release and URL");
    server.kill();

    let server = site.start();
    let (app, reader) = (server.with_key(app.key()), server.with_key(reader.key()));
    let found = crate::server::eventually("the maps are found again", || {
        let frame = frame_of(&reader, &id);
        is_original(&frame).then_some(frame)
    });
    assert_eq!(found, frame);
    assert_eq!(assemble(&app, &bundle)["state"], "ok", "again, no chunk is missing");
    let text = server.admin().get("/metrics").text();
    assert!(text.contains("\nweir_source_map_bundles 1\n"), "{text}");
    assert!(text.contains(&format!("\nweir_source_map_bytes {}\n", bundle.len())), "{text}");
}

#[test]
fn a_tool_is_told_where_and_how_much_to_send() {
    let site = Site::with_config("[artifacts]\nbundle_bytes_max = 1048576\n");
    let server = site.start();
    let app = server.scope("ingest");
    let options = app.get(UPLOAD).expect(200);
    assert_eq!(options["url"], json!(format!("{}{UPLOAD}", server.url())));
    assert_eq!((&options["maxFileSize"], &options["hashAlgorithm"]), (&json!(1_048_576), &json!("sha1")));
    let proxied =
        app.send("GET", UPLOAD, &[("host", "weir.example"), ("x-forwarded-proto", "https")], None).expect(200);
    assert_eq!(proxied["url"], json!(format!("https://weir.example{UPLOAD}")));
    assert_eq!(app.get("/api/0/organizations/weir/").expect(200)["slug"], "weir");
    let release = app.post("/api/0/organizations/weir/releases/", &json!({"version": "web@1", "projects": ["app"]}));
    assert_eq!(release.expect(201)["version"], "web@1");
    let more = app.put("/api/0/organizations/weir/releases/web@1/", &json!({"dateReleased": "2026-11-22T10:00:00Z"}));
    assert_eq!(more.expect(200)["version"], "web@1");
    // The envelopes of a project that is called 0 still arrive.
    server
        .anonymous()
        .send("POST", &format!("/api/0/envelope/?sentry_key={}", app.key()), &[], Some(b"{}\n"))
        .expect(200);
}

#[test]
fn what_is_no_upload_is_answered_and_not_kept() {
    let site = Site::with_config("[artifacts]\nbundle_bytes_max = 1048576\n");
    let server = site.start();
    let app = server.scope("ingest");
    let kept = || files_below(&site.data().join("artifacts"));
    let good = bundle_of(&map());
    // A torn chunk, one that is another than its name says, a name that is a path, and what is no form.
    send_chunk(&app, &sha1(&good), &good[..good.len() - 1]).refusal_naming(400, "checksum");
    send_chunk(&app, "../../../../etc/passwd", &good).refusal_naming(400, "40 hexadecimal digits");
    let torn = send_chunk(&app, &sha1(&good), &[7; 9 << 20]);
    torn.refusal_naming(413, "8388608");
    assert!(torn.json()["detail"].as_str().unwrap().contains("8388608"), "tools show this word");
    let form = [("content-type", "multipart/form-data; boundary=b")];
    app.send("POST", UPLOAD, &form, Some(b"--b\r\nContent-Disposition: form-data; name=\"fi"))
        .refusal_naming(400, "form");
    app.send("POST", UPLOAD, &[], Some(b"{}")).refusal_naming(400, "boundary");
    app.send("POST", UPLOAD, &form, Some(&vec![b'-'; 20 << 20])).refusal(413);
    app.post(ASSEMBLE, &json!({"checksum": "../../etc/passwd", "chunks": []}))
        .refusal_naming(400, "40 hexadecimal digits");
    assert!(kept().is_empty(), "{:?}", kept());
    // What is whole as an upload, and no bundle.
    let bomb = zipped(&[("a.js", &vec![0; 9 << 20]), ("manifest.json", b"{}")]);
    let outside = zipped(&[("../../etc/passwd", b"root"), ("manifest.json", b"{}")]);
    let unlisted = zipped(&[("manifest.json", br#"{"files":{"a.js":{"type":"source_map","url":"~/a.js"}}}"#)]);
    for (bundle, why) in [
        (b"no bundle".to_vec(), "SYSB"),
        (b"SYSB\x02\0\0\0and no zip".to_vec(), "no ZIP"),
        (zipped(&[("a.js", b"1")]), "no manifest.json"),
        (zipped(&[("manifest.json", b"[")]), "manifest.json cannot be read"),
        (unlisted, "lacks"),
        (outside, "outside of itself"),
        (bomb, "unpacks to more than"),
        (vec![7; (1 << 20) + 1], "1048576 are allowed"),
    ] {
        let answer = upload(&app, &bundle);
        assert_eq!(answer["state"], "error", "{why}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(why), "{why}: {answer}");
        assert!(kept().is_empty(), "{why}: {:?}", kept());
    }
    // A bundle of another checksum than announced.
    send_chunk(&app, &sha1(&good), &good).expect(200);
    let wrong = app.post(ASSEMBLE, &json!({"checksum": sha1(b"another"), "chunks": [sha1(&good)]})).expect(200);
    assert!(wrong["detail"].as_str().unwrap().contains("checksum") && kept().is_empty(), "{wrong}");
    assert_eq!(upload(&app, &good)["state"], "ok");
    assert_eq!(kept().len(), 1);
}

#[test]
fn a_map_that_leads_nowhere_is_told_of_in_the_stack() {
    let site = Site::new();
    let server = site.start();
    let app = server.scope("ingest");
    let id = throw(&server, app.key(), 1, Some(DEBUG_ID));
    let admin = server.admin();
    let told = |change: &dyn Fn(&mut Value)| {
        let mut map = map();
        change(&mut map);
        assert_eq!(upload(&app, &bundle_of(&map))["state"], "ok");
        frame_of(&admin, &id)
    };
    let pointing_outside = told(&|map| map["sources"] = json!([]));
    assert!(pointing_outside["missing"].as_str().unwrap().contains("cannot be read"), "{pointing_outside}");
    assert_eq!(pointing_outside["file"], "https://app.example/app.js");
    let elsewhere = told(&|map| map["sources"] = json!(["../../../../../etc/passwd"]));
    assert_eq!((&elsewhere["file"], &elsewhere["line"]), (&json!("../../../../../etc/passwd"), &json!(2)));
    assert!(!elsewhere.to_string().contains("root:"));
    let without_content = told(&|map| map["sourcesContent"] = json!([null]));
    assert!(without_content["missing"].as_str().unwrap().contains("not included"), "{without_content}");
    assert!(without_content["context"].is_null() && without_content["line"] == 2);
    let empty = told(&|map| map["mappings"] = json!(""));
    assert!(empty["missing"].as_str().unwrap().contains("map lacks the position: line 1"), "{empty}");
}

#[test]
fn only_a_servers_key_uploads_and_only_a_readers_sees() {
    let site = Site::new();
    let server = site.start();
    let app = server.scope("ingest");
    let web = server.key(&json!({"name": "web", "scopes": ["ingest_public"], "origins": ["https://app.example"]}));
    let bundle = bundle_of(&map());
    for (client, status) in
        [(&web, 403), (&server.scope("query"), 403), (&server.with_key("wk_x_0123456789abcdef"), 401)]
    {
        send_chunk(client, &sha1(&bundle), &bundle).refusal(status);
        client.post(ASSEMBLE, &json!({"checksum": sha1(&bundle), "chunks": [sha1(&bundle)]})).refusal(status);
        client.get(UPLOAD).refusal(status);
    }
    assert!(files_below(&site.data().join("artifacts")).is_empty());
    upload(&app, &bundle);
    let id = throw(&server, app.key(), 1, Some(DEBUG_ID));
    let path = format!("/v1/events/errors/{id}/stack");
    app.get(&path).refusal(403);
    let narrow = server.key(&json!({"name": "narrow", "scopes": ["query"], "purposes": ["billing"]}));
    narrow.get(&path).refusal_naming(403, "reliability");
    let reliability = server.key(&json!({"name": "rel", "scopes": ["query"], "purposes": ["reliability"]}));
    assert!(is_original(&frame_of(&reliability, &id)));
    reliability.get("/v1/events/errors/none/stack").refusal(404);
    // A page that takes a server's id for an error of its own does not hide the server's.
    let envelope =
        format!("{{}}\n{{\"type\":\"event\"}}\n{}\n", json!({"event_id": format!("{:032x}", 7), "message": "mine"}));
    let path = format!("/api/1/envelope/?sentry_key={}", web.key());
    let origin = [("origin", "https://app.example")];
    server.anonymous().send("POST", &path, &origin, Some(envelope.as_bytes())).expect(200);
    let id = throw(&server, app.key(), 7, Some(DEBUG_ID));
    assert!(is_original(&frame_of(&server.admin(), &id)));
}
