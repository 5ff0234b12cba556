//! User agents of each class, and the cache's bound.

use super::*;

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36";

#[test]
fn reads_browser_system_and_class() {
    let agents = Agents::new();
    let read = |text: &str| {
        let facts = agents.of(text);
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        (text(&facts.browser), text(&facts.browser_version), text(&facts.os), facts.device_class, facts.is_bot)
    };
    let own = |a: &str, b: &str, c: &str, class, bot| (a.to_owned(), b.to_owned(), c.to_owned(), class, bot);
    assert_eq!(read(CHROME), own("Chrome", "129", "Windows", "desktop", false));
    let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                  Version/17.5 Mobile/15E148 Safari/604.1";
    assert_eq!(read(iphone), own("Mobile Safari", "17", "iOS", "mobile", false));
    let ipad = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 \
                Mobile/15E148 Safari/604.1";
    assert_eq!(read(ipad).3, "tablet");
    let galaxy = "Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 \
                  Safari/537.36";
    assert_eq!((read(galaxy).2.as_str(), read(galaxy).3), ("Android", "tablet"));
    let firefox = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
    assert_eq!(read(firefox), own("Firefox", "130", "Ubuntu", "desktop", false));
    assert_eq!(read("curl/8.5.0").3, "other");
    for bot in [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
    ] {
        assert_eq!((read(bot).3, read(bot).4), ("bot", true), "{bot}");
    }
    assert_eq!(read(""), own("", "", "", "other", false));
}

#[test]
fn remembers_at_most_so_many_and_only_by_hash() {
    let agents = Agents::new();
    for version in 0..30_u32 {
        agents.of(&format!("{CHROME} v{version}"));
        agents.of(&format!("{CHROME} v{version}"));
    }
    assert_eq!(agents.cached(), 30);
    let long = format!("{CHROME}{}", "x".repeat(5000));
    assert_eq!(agents.of(&long).browser.as_deref(), Some("Chrome"));
}
