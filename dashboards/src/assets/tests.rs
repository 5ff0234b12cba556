//! Names, caching, vendored files, and the contrast of the colours.

use super::*;

#[test]
fn names_a_file_after_its_content_and_finds_it_again() {
    for name in asset_names() {
        let url = asset_url(&name);
        let path = url.strip_prefix(PREFIX).unwrap();
        assert_ne!(path, name, "{name} has a hash in its URL");
        let found = asset(path).unwrap_or_else(|| panic!("{path} is served"));
        assert!(found.immutable && !found.bytes.is_empty());
        assert_eq!(found.cache_control(), "public, max-age=31536000, immutable");
    }
}

#[test]
fn serves_a_plain_or_outdated_name_without_caching_it_for_ever() {
    for path in ["css/weir.css", "css/weir.0123456789abcdef.css"] {
        let found = asset(path).unwrap();
        assert!(!found.immutable, "{path}");
        assert_eq!((found.content_type, found.cache_control()), ("text/css; charset=utf-8", "no-cache"));
    }
}

#[test]
fn finds_nothing_outside_the_folder() {
    for path in ["", "css", "css/none.css", "../Cargo.toml", "css/../../Cargo.toml", "/etc/hosts", "js/x.exe"] {
        assert!(asset(path).is_none(), "{path}");
    }
    assert_eq!(asset_url("css/none.css"), "/static/css/none.css");
}

/// Every import of our modules is a file of ours, asked for by the hash of its content.
#[test]
fn modules_import_each_other_under_names_that_carry_a_hash() {
    let mut imports = 0;
    for name in asset_names().filter(|name| name.starts_with(SCRIPTS)) {
        let text = String::from_utf8(asset(&name).unwrap().bytes.into_owned()).unwrap();
        for line in text.lines().filter(|line| line.starts_with("import ") || line.starts_with("} from ")) {
            let Some(path) = line.split('"').nth(1) else { continue };
            let path = path.strip_prefix(PREFIX).unwrap_or_else(|| panic!("{name}: {line} is linked"));
            assert!(asset(path).is_some_and(|found| found.immutable), "{name}: {line}");
            imports += 1;
        }
    }
    assert!(imports > 10, "only {imports} imports were found");
    assert_eq!(resolve("js/sql", "../../vendor/a.js").as_deref(), Some("vendor/a.js"));
    assert_eq!(link("js/a.js", "\"./none.js\" './x'"), "\"./none.js\" './x'", "what is no file stays");
}

/// A page loads the large libraries only where it uses them; all the others stay small.
#[test]
fn only_the_scripts_that_draw_or_edit_bring_a_library() {
    let brings = |name: &str| {
        let text = String::from_utf8(asset(name).unwrap().bytes.into_owned()).unwrap();
        text.contains("/static/vendor/")
    };
    let found: Vec<_> = asset_names().filter(|name| name.starts_with(SCRIPTS) && brings(name)).collect();
    assert_eq!(found, ["js/chart.js", "js/grid.js", "js/sql-editor.js"]);
}

/// The vendored files are what `vendor.sh` made of their projects: their hashes stand in `VENDOR.toml`.
#[test]
fn vendored_files_are_what_their_list_says() {
    let list = asset("vendor/VENDOR.toml").unwrap();
    let list = String::from_utf8(list.bytes.into_owned()).unwrap();
    let mut listed = Vec::new();
    for entry in list.split("[[file]]").skip(1) {
        let field = |name: &str| {
            let line = entry.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")));
            line.unwrap_or_else(|| panic!("{name} is stated in {entry}")).trim_end_matches('"').to_owned()
        };
        let path = format!("vendor/{}", field("path"));
        let file = Static::get(&path).unwrap_or_else(|| panic!("{path} is there"));
        let digest: String = file.metadata.sha256_hash().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, field("sha256"), "{path} is as it was taken");
        assert!(!field("version").is_empty() && !field("licence").is_empty() && !field("name").is_empty());
        let licences = ["0BSD", "Apache-2.0", "MIT"];
        assert!(licences.contains(&field("licence").as_str()), "{path}: its licence allows to hand it on");
        listed.push(path);
    }
    let present: Vec<_> = asset_names().filter(|name| name.starts_with("vendor/")).collect();
    assert_eq!(present.len(), listed.len() + 1, "every vendored file is listed: {present:?}");
    for script in present.iter().filter(|name| name.ends_with(".js")) {
        let text = format!("{}.LICENSE.txt", script.trim_end_matches(".js").trim_end_matches(".min"));
        let text = asset(&text).unwrap_or_else(|| panic!("{text} is there"));
        let text = String::from_utf8(text.bytes.into_owned()).unwrap().to_lowercase();
        assert!(text.contains("permission") || text.contains("apache license"), "{script} comes with its licence");
    }
}

/// Reads a token's colours in light and in dark from the style sheet.
fn token(css: &str, name: &str) -> [[f64; 3]; 2] {
    let start = css.find(&format!("--{name}: light-dark(")).unwrap_or_else(|| panic!("--{name} is a token"));
    let values = css[start..].split(['(', ')']).nth(1).unwrap();
    let colours: Vec<[f64; 3]> = values
        .split(", ")
        .map(|hex| [1, 3, 5].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0))
        .collect();
    [colours[0], colours[1]]
}

/// Source: WCAG 2.2, "relative luminance" and "contrast ratio".
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let linear = |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    let luminance =
        |[red, green, blue]: [f64; 3]| 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn colours_have_the_contrast_their_use_needs_in_both_themes() {
    let css = asset("css/weir.css").unwrap();
    let css = String::from_utf8(css.bytes.into_owned()).unwrap();
    let grounds = ["bg", "surface", "sunken"];
    let text = ["text", "muted", "accent"].iter().flat_map(|ink| grounds.map(|ground| (*ink, ground, 4.5)));
    let chips = ["allow", "throttle", "block"];
    let fills = chips.map(|name| (format!("{name}-chip-text"), format!("{name}-chip"), 4.5));
    let marks = ["allow", "throttle", "block", "control", "series-1"].map(|ink| (ink, "surface", 3.0));
    let pairs = text.chain(marks).map(|(ink, ground, least)| (ink.to_owned(), ground.to_owned(), least));
    let button = ("on-accent".to_owned(), "accent".to_owned(), 4.5);
    for (ink, ground, least) in pairs.chain(fills).chain([button]) {
        let (inks, grounds) = (token(&css, &ink), token(&css, &ground));
        for (theme, name) in ["light", "dark"].iter().enumerate() {
            let ratio = contrast(inks[theme], grounds[theme]);
            assert!(ratio >= least, "{ink} on {ground} in {name}: {ratio:.2} is below {least}");
        }
    }
}
