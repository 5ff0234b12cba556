//! Reads user agents: browser family and major version, system, device class, and whether it names itself a bot.
//! The text itself is never kept: the cache is keyed by its hash.

use std::sync::{Arc, OnceLock};

use moka::sync::Cache;
use ua_parser::{Regexes, device, os, user_agent};

const CACHED_MAX: u64 = 10_000;
/// What lies beyond says nothing more, and costs time.
const READ_BYTES_MAX: usize = 512;

/// What a user agent says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentFacts {
    /// Browser family: `Firefox`, `Mobile Safari`; none if unknown.
    pub browser: Option<String>,
    /// Browser major version.
    pub browser_version: Option<String>,
    /// Operating system family: `Windows`, `iOS`; none if unknown.
    pub os: Option<String>,
    /// `desktop`, `mobile`, `tablet`, `bot` or `other`.
    pub device_class: &'static str,
    /// Whether it names itself a bot or an automated browser.
    pub is_bot: bool,
}

/// The parser, built at first use, and what it found before.
pub(super) struct Agents {
    cache: Cache<u128, Arc<AgentFacts>>,
}

struct Parser {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
    crawlers: device::Extractor<'static>,
}

/// One a process: the patterns take megabytes.
static PARSER: OnceLock<Parser> = OnceLock::new();

impl Agents {
    pub(super) fn new() -> Self {
        Self { cache: Cache::new(CACHED_MAX) }
    }

    pub(super) fn warm(&self) {
        self.of("Mozilla/5.0");
    }

    pub(super) fn cached(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.entry_count()
    }

    pub(super) fn of(&self, user_agent: &str) -> Arc<AgentFacts> {
        let user_agent = crate::scrub::cut(user_agent, READ_BYTES_MAX);
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(user_agent.as_bytes()).as_bytes()[..16]);
        let key = u128::from_be_bytes(key);
        if let Some(facts) = self.cache.get(&key) {
            return facts;
        }
        let facts = Arc::new(PARSER.get_or_init(Parser::build).read(user_agent));
        self.cache.insert(key, Arc::clone(&facts));
        facts
    }
}

impl Parser {
    fn build() -> Self {
        let regexes: Regexes<'static> = serde_yaml_ng::from_str(include_str!("../../data/uap_regexes.yaml"))
            .expect("the patterns are built in, and a test reads them");
        let is_crawler = |parser: &device::Parser<'_>| parser.device_replacement.as_deref() == Some("Spider");
        // Of devices only crawlers are asked for: the thousand phone models would take most of the memory.
        let crawlers = regexes.device_parsers.into_iter().filter(is_crawler);
        let built = "the patterns are built in, and a test compiles them";
        Self {
            browsers: user_agent::Builder::new()
                .push_all(regexes.user_agent_parsers)
                .expect(built)
                .build()
                .expect(built),
            systems: os::Builder::new().push_all(regexes.os_parsers).expect(built).build().expect(built),
            crawlers: device::Builder::new().push_all(crawlers).expect(built).build().expect(built),
        }
    }

    fn read(&self, user_agent: &str) -> AgentFacts {
        let browser = self.browsers.extract(user_agent).filter(|browser| browser.family != "Other");
        let system = self.systems.extract(user_agent).map(|system| system.os.into_owned()).filter(|os| os != "Other");
        let is_bot = self.crawlers.extract(user_agent).is_some() || names_itself_a_bot(user_agent);
        AgentFacts {
            device_class: if is_bot { "bot" } else { device_class(user_agent, system.as_deref()) },
            browser_version: browser.as_ref().and_then(|browser| browser.major.map(ToOwned::to_owned)),
            browser: browser.map(|browser| browser.family.into_owned()),
            os: system,
            is_bot,
        }
    }
}

fn names_itself_a_bot(user_agent: &str) -> bool {
    const WORDS: [&str; 10] =
        ["bot/", "bot;", "bot)", "crawler", "spider", "headlesschrome", "phantomjs", "slimerjs", "lighthouse", "+http"];
    // A maker of phones is named Cubot.
    let folded = user_agent.to_ascii_lowercase().replace("cubot", "");
    folded.ends_with("bot") || WORDS.iter().any(|word| folded.contains(word))
}

fn device_class(user_agent: &str, system: Option<&str>) -> &'static str {
    let says = |word: &str| user_agent.contains(word);
    let is_android = says("Android");
    if says("iPad") || says("Tablet") || says("Kindle") || says("Silk/") || (is_android && !says("Mobile")) {
        "tablet"
    } else if says("Mobi") || says("iPhone") || says("iPod") || is_android || says("Windows Phone") {
        "mobile"
    } else if system.is_some() && says("Mozilla/") {
        "desktop"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests;
