//! The headers of a rule, typed: what they may say and what stands in for those left out. Pure. The syntax of header
//! lines is the catalogue's (`catalogue/header.rs`); what the SQL says is `text.rs`.

use std::sync::Arc;

use crate::catalogue::{Header, Headers, SourceProblem};
use crate::hits::{EntityKind, Mode, Restraint, StepUp};

use super::duration::{SECOND_US, parse_duration_us};
use super::window::Window;

const KNOWN: [&str; 15] = [
    "title",
    "entity",
    "on",
    "window",
    "mode",
    "verdict",
    "points",
    "ttl",
    "actions",
    "step_up",
    "max_block_rate",
    "owner",
    "every",
    "rollout",
    "trust",
];

/// The kinds of events as senders name them.
const EVENT_KINDS: [(&str, &str); 8] = [
    ("usage", "usage"),
    ("error", "errors"),
    ("device", "devices"),
    ("log", "logs"),
    ("credit", "credits"),
    ("payment", "payments"),
    ("identity", "identities"),
    ("session", "sessions"),
];

/// How often a scheduled rule runs at the most.
const EVERY_MIN_US: i64 = SECOND_US;
const EVERY_DEFAULT_US: i64 = 10 * SECOND_US;

/// What the headers of a rule say.
#[derive(Clone, Debug)]
pub struct RuleHeaders {
    /// What the rule finds, in one line.
    pub title: String,
    /// The kinds of entities it judges; the text runs once for each.
    pub entities: Vec<EntityKind>,
    /// The tables of the kinds of events that matter to it; empty if it does not say.
    pub on: Vec<&'static str>,
    /// Its window, if it has one.
    pub window: Option<Window>,
    /// The window as it was written; empty without one.
    pub window_text: Arc<str>,
    /// Its mode unless control says otherwise.
    pub mode: Mode,
    /// What its hits ask for, unless the text selects a `verdict`.
    pub verdict: Restraint,
    /// What its hits add to the score, unless the text selects `points`.
    pub points: u8,
    /// How long a hit lasts after the last true point, microseconds.
    pub ttl_us: i64,
    /// The actions it restrains; empty means all.
    pub actions: Arc<[Arc<str>]>,
    /// The friction its hits suggest.
    pub step_up: StepUp,
    /// The share of decisions, in millionths, above which it trips itself back to shadow.
    pub max_block_rate_ppm: Option<u32>,
    /// Who looks after it.
    pub owner: Option<String>,
    /// The pace of a scheduled run, if the file states one, microseconds.
    pub every_us: Option<i64>,
    /// The share of entities, in millionths, for which live is live.
    pub rollout_ppm: u32,
    /// It may read facts that browsers sent (`trust: any`); its hits never lead to a block.
    pub browser_facts: bool,
}

impl RuleHeaders {
    /// Reads a file's headers.
    ///
    /// # Errors
    /// The first unknown, missing or unreadable header, with its line and what to write instead.
    pub(crate) fn read(headers: &Headers) -> Result<Self, SourceProblem> {
        headers.refuse_unknown(&KNOWN)?;
        let window_header = headers.one("window")?;
        let browser_facts = read(headers, "trust", "`server` or `any`", |text| match text {
            "server" => Some(false),
            "any" => Some(true),
            _ => None,
        })?
        .unwrap_or(false);
        let verdict = read(headers, "verdict", "`none`, `throttle` or `block`", Restraint::parse)?;
        Ok(Self {
            title: headers.required("title")?.value.clone(),
            entities: entities(headers)?,
            on: on(headers)?,
            window: window_header.map(|header| window(headers, header)).transpose()?,
            window_text: window_header.map_or_else(|| Arc::from(""), |header| Arc::from(header.value.as_str())),
            mode: read(headers, "mode", "`off`, `shadow` or `live`", Mode::parse)?.unwrap_or(Mode::Shadow),
            verdict: verdict.unwrap_or(Restraint::None),
            points: read(headers, "points", "a whole number from 0 to 100", points)?.unwrap_or(0),
            ttl_us: ttl(headers)?,
            actions: actions(headers)?,
            step_up: read(headers, "step_up", "`none`, `challenge`, `hold` or `review`", StepUp::parse)?
                .unwrap_or(StepUp::None),
            max_block_rate_ppm: read(headers, "max_block_rate", "a share such as `0.5%`", share_to_ppm)?,
            owner: headers.one("owner")?.map(|header| header.value.clone()),
            every_us: read(headers, "every", "a duration of at least `1s`", |text| {
                parse_duration_us(text).filter(|us| *us >= EVERY_MIN_US)
            })?,
            rollout_ppm: read(headers, "rollout", "a share such as `10%`", share_to_ppm)?.unwrap_or(1_000_000),
            browser_facts,
        })
    }

    /// Returns the pace of scheduled runs: as stated, else the larger of 10 s and a 288th of the window, in whole seconds.
    #[must_use]
    pub fn pace_us(&self) -> i64 {
        let of_window = self.window.map_or(0, |window| window.length_us() / 288 / SECOND_US * SECOND_US);
        self.every_us.unwrap_or(of_window.max(EVERY_DEFAULT_US))
    }

    /// Returns the strictest verdict that a hit of this rule may have: hits on browser facts never block.
    #[must_use]
    pub fn hold_back(&self, verdict: Restraint) -> Restraint {
        if self.browser_facts { verdict.min(Restraint::Throttle) } else { verdict }
    }
}

fn read<T>(
    headers: &Headers,
    key: &str,
    wanted: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, SourceProblem> {
    let Some(header) = headers.one(key)? else { return Ok(None) };
    let refuse = || {
        headers.problem(
            header.line,
            format!("`{key}: {}` means nothing", header.value),
            Some(format!("write {wanted}")),
        )
    };
    parse(&header.value).map(Some).ok_or_else(refuse)
}

fn words(header: &Header) -> impl Iterator<Item = &str> {
    header.value.split(',').map(str::trim)
}

fn entities(headers: &Headers) -> Result<Vec<EntityKind>, SourceProblem> {
    let header = headers.required("entity")?;
    let mut entities = Vec::new();
    for word in words(header) {
        let names = || EntityKind::ALL.map(EntityKind::name).join(", ");
        let kind = EntityKind::parse(word).ok_or_else(|| {
            let remedy = crate::nearest::did_you_mean(word, EntityKind::ALL.map(EntityKind::name))
                .unwrap_or_else(|| format!("the kinds are {}", names()));
            headers.problem(header.line, format!("`{word}` is not a kind of entity"), Some(remedy))
        })?;
        if entities.contains(&kind) {
            let message = format!("`{word}` is named twice");
            return Err(headers.problem(header.line, message, Some("name it once".to_owned())));
        }
        entities.push(kind);
    }
    Ok(entities)
}

fn on(headers: &Headers) -> Result<Vec<&'static str>, SourceProblem> {
    let Some(header) = headers.one("on")? else { return Ok(Vec::new()) };
    words(header)
        .map(|word| {
            let table = EVENT_KINDS.iter().find(|(kind, _)| *kind == word).map(|(_, table)| *table);
            table.ok_or_else(|| {
                let kinds = EVENT_KINDS.map(|(kind, _)| kind).join(", ");
                let message = format!("`{word}` is not a kind of event");
                headers.problem(header.line, message, Some(format!("the kinds are {kinds}")))
            })
        })
        .collect()
}

fn window(headers: &Headers, header: &Header) -> Result<Window, SourceProblem> {
    let length_us = parse_duration_us(&header.value).ok_or_else(|| {
        let message = format!("`window: {}` is not a duration", header.value);
        headers.problem(header.line, message, Some("write one such as `10min`, `24h` or `30d`".to_owned()))
    })?;
    Window::new(length_us).map_err(|message| headers.problem(header.line, message, None))
}

fn ttl(headers: &Headers) -> Result<i64, SourceProblem> {
    headers.required("ttl")?;
    let ttl = read(headers, "ttl", "a duration such as `6h`", parse_duration_us)?;
    Ok(ttl.expect("it is required above"))
}

fn actions(headers: &Headers) -> Result<Arc<[Arc<str>]>, SourceProblem> {
    let Some(header) = headers.one("actions")? else { return Ok(Arc::from([])) };
    let is_action = |word: &&str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    };
    if let Some(odd) = words(header).find(|word| !is_action(word)) {
        let message = format!("`{odd}` is not an action's name");
        return Err(headers.problem(header.line, message, Some("write `--! actions: grant, generate`".to_owned())));
    }
    Ok(words(header).map(Arc::from).collect())
}

fn points(text: &str) -> Option<u8> {
    text.parse().ok().filter(|points| *points <= 100)
}

/// Reads `0.5%` as millionths. More digits than four after the point are not read.
fn share_to_ppm(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?.trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 4 || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let ppm: u32 = format!("{whole}{part:0<4}").parse().ok()?;
    (ppm <= 1_000_000).then_some(ppm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::duration::{DAY_US, HOUR_US};

    fn parse(lines: &str) -> Result<RuleHeaders, String> {
        let text = format!("{lines}\nselect 1");
        Headers::parse("r.sql", &text).and_then(|headers| RuleHeaders::read(&headers)).map_err(|p| p.to_string())
    }

    #[test]
    fn reads_every_header_and_knows_the_defaults() {
        let full = parse(
            "--! title: T\n--! entity: device, api key\n--! on: credit, payment\n--! window: 24h\n--! mode: live -- note\n\
             --! verdict: block\n--! points: 40\n--! ttl: 6h\n--! actions: grant, generate\n--! step_up: hold\n\
             --! max_block_rate: 0.5%\n--! owner: growth\n--! every: 30s\n--! rollout: 12.5%\n--! trust: any",
        )
        .expect("all are known");
        assert_eq!(full.entities, [EntityKind::Device, EntityKind::ApiKey]);
        assert_eq!(full.on, ["credits", "payments"]);
        assert_eq!((full.window.map(Window::length_us), full.ttl_us), (Some(DAY_US), 6 * HOUR_US));
        assert_eq!((full.mode, full.verdict, full.points), (Mode::Live, Restraint::Block, 40));
        assert_eq!((full.max_block_rate_ppm, full.rollout_ppm), (Some(5_000), 125_000));
        assert_eq!((full.pace_us(), full.step_up), (30 * SECOND_US, StepUp::Hold));
        assert_eq!(full.hold_back(Restraint::Block), Restraint::Throttle, "browser facts never block");

        let least = parse("--! title: T\n--! entity: guest\n--! ttl: 1h").expect("these are enough");
        assert_eq!((least.mode, least.verdict, least.points), (Mode::Shadow, Restraint::None, 0));
        assert_eq!((least.pace_us(), least.rollout_ppm, least.browser_facts), (10 * SECOND_US, 1_000_000, false));
        assert!(least.actions.is_empty() && least.window.is_none());
    }

    #[test]
    fn the_pace_follows_the_window() {
        let pace = |window: &str| {
            parse(&format!("--! title: T\n--! entity: guest\n--! ttl: 1h\n--! window: {window}")).expect("ok").pace_us()
        };
        assert_eq!(pace("10min"), 10 * SECOND_US);
        assert_eq!(pace("24h"), 300 * SECOND_US);
        assert_eq!(pace("30d"), 9_000 * SECOND_US);
    }

    #[test]
    fn problems_name_line_and_remedy() {
        let base = "--! title: T\n--! entity: guest\n--! ttl: 1h\n";
        let problem = |line: &str| parse(&format!("{base}{line}")).expect_err("refused");
        assert_eq!(
            problem("--! zzz: red"),
            format!("r.sql:4: unknown header `zzz`; the headers are {}", KNOWN.join(", "))
        );
        assert_eq!(problem("--! mod: live"), "r.sql:4: unknown header `mod`; did you mean `mode`?");
        assert_eq!(problem("--! mode: on"), "r.sql:4: `mode: on` means nothing; write `off`, `shadow` or `live`");
        assert_eq!(
            problem("--! points: 101"),
            "r.sql:4: `points: 101` means nothing; write a whole number from 0 to 100"
        );
        assert_eq!(
            problem("--! window: 97s"),
            "r.sql:4: a window of this length is made of 2s buckets: make it 96s or 98s"
        );
        assert_eq!(
            problem("--! window: a day"),
            "r.sql:4: `window: a day` is not a duration; write one such as `10min`, `24h` or `30d`"
        );
        assert!(
            problem("--! on: credits").starts_with("r.sql:4: `credits` is not a kind of event; the kinds are usage")
        );
        assert_eq!(problem("--! rollout: 101%"), "r.sql:4: `rollout: 101%` means nothing; write a share such as `10%`");
        assert_eq!(problem("--! trust: nobody"), "r.sql:4: `trust: nobody` means nothing; write `server` or `any`");
        assert_eq!(
            parse("--! title: T\n--! entity: divice\n--! ttl: 1h").expect_err("refused"),
            "r.sql:2: `divice` is not a kind of entity; did you mean `device`?"
        );
        assert_eq!(
            parse("--! title: T\n--! entity: device").expect_err("refused"),
            "r.sql: the header `ttl` is missing; add a line `--! ttl: …`"
        );
    }
}
