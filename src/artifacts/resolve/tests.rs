use ingest::RealDisk;
use serde_json::json;

use super::*;
use crate::artifacts::fixtures::{self, DEBUG_ID, col_of};
use crate::artifacts::{ArtifactLimits, Checksum};

const NOW: i64 = 1_790_000_000_000_000;

struct House {
    _dir: tempfile::TempDir,
    artifacts: Artifacts,
}

fn house(bundles: &[Vec<u8>]) -> House {
    let dir = tempfile::tempdir().unwrap();
    let limits = ArtifactLimits {
        bundle_bytes_max: 1 << 20,
        stored_bytes_max: 1 << 24,
        retention: std::time::Duration::from_secs(86_400),
    };
    let artifacts = Artifacts::open(dir.path().join("artifacts"), Arc::new(RealDisk), limits).unwrap();
    for bundle in bundles {
        let name = Checksum::of(bundle);
        artifacts.put_chunks(&[(name, bundle.clone())], NOW).unwrap();
        artifacts.assemble(&name, &[name], NOW).unwrap();
    }
    House { _dir: dir, artifacts }
}

/// A house whose bundles of before were all read.
fn loaded(bundles: &[Vec<u8>]) -> House {
    let house = house(bundles);
    house.artifacts.set_loaded();
    house
}

fn frame(file: &str, function: &str, line: i64, col: i64) -> Frame {
    let function = Some(function.to_owned()).filter(|function| !function.is_empty());
    Frame {
        file: Some(file.into()),
        function,
        line: Some(line),
        col: Some(col),
        in_app: Some(true),
        ..Frame::default()
    }
}

fn stack(file: &str) -> Vec<Frame> {
    vec![
        frame(file, "e", 1, col_of("new TypeError")),
        frame(file, "Object.o", 1, col_of("e(r+1)")),
        frame(file, "", 1, col_of("o(3)")),
        frame("node:internal/modules/run_main", "executeUserEntryPoint", 1, 2),
    ]
}

fn image(file: &str, id: &str) -> DebugImage {
    DebugImage { kind: "sourcemap".into(), code_file: file.into(), debug_id: id.into() }
}

fn places(resolved: &[ResolvedFrame]) -> Vec<(&str, Option<&str>, i64)> {
    let place = |frame: &ResolvedFrame| frame.frame.line.unwrap();
    resolved
        .iter()
        .map(|frame| (frame.frame.file.as_deref().unwrap(), frame.frame.function.as_deref(), place(frame)))
        .collect()
}

const ORIGINAL: [(&str, Option<&str>, i64); 4] = [
    ("../main.js", Some("inner"), 2),
    ("../main.js", Some("outer"), 1),
    ("../main.js", None, 3),
    ("node:internal/modules/run_main", Some("executeUserEntryPoint"), 1),
];

#[test]
fn a_stack_is_told_by_debug_ids() {
    let house = loaded(&[fixtures::bundle(Some(DEBUG_ID), None)]);
    let file = "https://cdn.example/static/main.js";
    let frames = stack(file);
    let resolved = house.artifacts.resolve(&frames, &[image(file, &DEBUG_ID.to_uppercase())], None, NOW);
    assert_eq!(places(&resolved), ORIGINAL);
    assert_eq!(resolved[0].minified.as_ref(), Some(&frames[0]));
    assert!(resolved[0].context.as_ref().unwrap().line.contains("throw new TypeError"));
    assert_eq!((&resolved[3].minified, &resolved[3].missing), (&None, &None), "the runtime's own");
    let shown = serde_json::to_value(&resolved[0]).unwrap();
    assert_eq!(
        (&shown["line"], &shown["in_app"], &shown["minified"]["function"]),
        (&json!(2), &json!(true), &json!("e"))
    );
}

#[test]
fn an_upload_without_debug_ids_is_told_by_release_and_url() {
    let house = loaded(&[fixtures::bundle(None, Some("studio@1"))]);
    for file in ["https://cdn.example/static/main.js?v=1", "app:///static/main.js"] {
        assert_eq!(places(&house.artifacts.resolve(&stack(file), &[], Some("studio@1"), NOW)), ORIGINAL);
    }
    let file = "https://cdn.example/static/main.js";
    for (file, release) in [(file, Some("studio@2")), (file, None), ("https://cdn.example/main.js", Some("studio@1"))] {
        let resolved = house.artifacts.resolve(&stack(file), &[], release, NOW);
        assert!(resolved[0].missing.as_ref().unwrap().contains(file), "{file}");
        assert_eq!(resolved[0].frame, stack(file)[0]);
    }
}

#[test]
fn what_cannot_be_told_says_what_it_would_take() {
    let mut map = fixtures::map();
    map.as_object_mut().unwrap().remove("sourcesContent");
    let bare = fixtures::bundle_of(&map, &fixtures::manifest(Some(DEBUG_ID), None));
    let broken_id = "00000000-0000-4000-8000-000000000001";
    let broken = fixtures::bundle_of(&json!({"mappings": "AAAA"}), &fixtures::manifest(Some(broken_id), None));
    let house = loaded(&[bare, broken]);
    let absent = "00000000-0000-4000-8000-000000000002";
    let images = [image("a.js", DEBUG_ID), image("b.js", broken_id), image("c.js", absent), image("d.js", "no id")];
    let frames = [
        frame("a.js", "e", 1, col_of("new TypeError")),
        frame("a.js", "e", 7, 1),
        frame("b.js", "e", 1, 1),
        frame("c.js", "e", 1, 1),
        frame("d.js", "e", 1, 1),
        frame("app.py", "e", 1, 1),
        Frame { in_app: Some(false), ..frame("lib.js", "e", 1, 1) },
        Frame { function: Some("native".into()), ..Frame::default() },
    ];
    let resolved = house.artifacts.resolve(&frames, &images, Some("r"), NOW);
    let missing = |at: usize| resolved[at].missing.as_deref().unwrap();
    assert_eq!(missing(0), "source content of ../main.js not included in its map");
    assert_eq!((resolved[0].frame.line, resolved[0].context.as_ref()), (Some(2), None));
    assert_eq!(missing(1), "map lacks the position: line 7, column 1 of file a.js");
    assert!(missing(2).starts_with("source map for file b.js cannot be read: "), "{}", missing(2));
    assert_eq!(missing(3), format!("source map with debug id {absent} for file c.js was not uploaded"));
    assert_eq!(missing(4), "source map with debug id no id for file d.js was not uploaded");
    for (resolved, frame) in resolved.iter().zip(&frames).skip(5) {
        assert_eq!((&resolved.missing, &resolved.frame), (&None, frame));
    }
}

#[test]
fn while_bundles_are_still_read_it_says_so() {
    let house = house(&[]);
    let look =
        || house.artifacts.resolve(&stack("a.js"), &[image("a.js", DEBUG_ID)], None, NOW)[0].missing.clone().unwrap();
    assert!(look().ends_with("was not uploaded (those that were are still being read; ask again)"), "{}", look());
    house.artifacts.set_loaded();
    assert!(look().ends_with("was not uploaded"));
}

#[test]
fn an_image_belongs_to_the_file_that_ends_most_alike() {
    let images = [image("/home/jane/app/a/index.js", "a"), image("/home/jane/app/b/index.js", "b")];
    let of = |file: &str| image_of(file, &images).map(|image| image.debug_id.as_str());
    assert_eq!(of("/home/jane/app/b/index.js"), Some("b"));
    assert_eq!(of("/home/[user]/app/a/index.js"), Some("a"));
    assert_eq!(of("/srv/index.js"), None, "it could be either");
    assert_eq!(of("/srv/main.js"), None);
    let wasm = [DebugImage { kind: "wasm".into(), ..image("a.js", "a") }];
    assert_eq!(image_of("a.js", &wasm), None);
}

#[test]
fn a_function_that_its_map_does_not_name_is_called_what_its_caller_calls_it() {
    let original = |function: Option<&str>, word: Option<(&str, &str)>| Original {
        file: "webpack://app/./node_modules/react/index.js".into(),
        line: 1,
        col: 1,
        function: function.map(str::to_owned),
        word: word.map(|(served, name)| (served.to_owned(), name.to_owned())),
        context: None,
    };
    let called = |served: &str, word| {
        let caller = original(None, word);
        shape(&frame("a.js", served, 1, 1), &Ok(original(None, None)), Some(&caller)).frame
    };
    assert_eq!(called("async e", Some(("e", "inner"))).function.as_deref(), Some("inner"));
    assert_eq!(called("f", Some(("e", "inner"))).function.as_deref(), Some("f"));
    assert_eq!(called("f", None).in_app, Some(false), "what others wrote is not the app's");
    assert_eq!(bare_name("new Foo.bar [as baz]"), "bar");
}

#[test]
fn one_stack_needs_no_more_than_so_many_maps() {
    let ids: Vec<String> = (0..=MAPS_MAX).map(|number| format!("00000000-0000-4000-8000-{number:012}")).collect();
    let bundles: Vec<Vec<u8>> = ids.iter().map(|id| fixtures::bundle(Some(id), None)).collect();
    let house = loaded(&bundles);
    let images: Vec<DebugImage> = ids.iter().map(|id| image(&format!("{id}.js"), id)).collect();
    let frames: Vec<Frame> = images.iter().map(|image| frame(&image.code_file, "e", 1, 7)).cycle().take(150).collect();
    let resolved = house.artifacts.resolve(&frames, &images, None, NOW);
    assert_eq!(resolved.len(), FRAMES_MAX);
    assert!(resolved[..MAPS_MAX].iter().all(|frame| frame.minified.is_some()));
    assert!(resolved[MAPS_MAX].missing.as_ref().unwrap().contains("only 20"));
}
