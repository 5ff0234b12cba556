//! What the headers of a rule say, as sentences.

use crate::figure;
use crate::rules::{Origin, RuleMode};

/// What a rule says, and in which mode it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFacts {
    /// Its name.
    pub name: String,
    /// What it finds, in one line.
    pub title: String,
    /// The hash of its text.
    pub version: String,
    /// Whose it is.
    pub origin: Origin,
    /// Its file.
    pub file: String,
    /// Its mode.
    pub mode: RuleMode,
    /// Who set the mode, and when; none where the file's own holds.
    pub mode_set: Option<(String, i64)>,
    /// It went live without a backtest.
    pub is_forced: bool,
    /// Why the brake took it back to shadow, if that is why it is there.
    pub trip: Option<Trip>,
    /// It has its state.
    pub is_warm: bool,
    /// The kinds of entities it judges.
    pub entities: Vec<String>,
    /// The tables it reads.
    pub reads: Vec<String>,
    /// Its window and the buckets of it.
    pub window: Option<(String, String)>,
    /// The pace of a rule that runs as a query, and why it does.
    pub scheduled: Option<(String, String)>,
    /// Memory of its state for a million entities, bytes.
    pub state_bytes: Option<u64>,
    /// What a hit asks for: none, throttle, block.
    pub verdict: String,
    /// What a hit adds to the score.
    pub points: u8,
    /// How long a hit lasts after it was last true.
    pub ttl: String,
    /// The actions it restrains; empty for all.
    pub actions: Vec<String>,
    /// The friction its hits suggest.
    pub step_up: String,
    /// The share of established entities it may block.
    pub max_block_rate: Option<String>,
    /// The share of entities for which live is live.
    pub rollout: String,
    /// It may read what browsers sent.
    pub uses_browser_facts: bool,
    /// Who looks after it.
    pub owner: String,
    /// Its hits that are open.
    pub open_hits: u64,
}

/// Why the brake took a rule back to shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// When.
    pub at: i64,
    /// Established entities with decisions in the hour before.
    pub entities: u64,
    /// Of these, those it blocked.
    pub blocked: u64,
}

impl RuleFacts {
    /// Says what the headers say, one line each.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("Judges", format!("each {}, from {}", self.entities.join(", "), self.reads.join(", "))),
            ("Window", self.window_words()),
            ("Runs", self.runs_words()),
            ("A hit", self.hit_words()),
            ("Restrains", self.restrains_words()),
            ("Facts", self.trust_words().to_owned()),
            ("Share", self.rollout_words()),
            ("Brake", self.brake_words()),
        ];
        if !self.owner.is_empty() {
            facts.push(("Owner", self.owner.clone()));
        }
        facts.push(("File", format!("{}, {}", self.file, self.origin.words())));
        facts
    }

    fn window_words(&self) -> String {
        match &self.window {
            Some((window, bucket)) => format!("the last {window}, in buckets of {bucket}"),
            None => "none: all that is kept".to_owned(),
        }
    }

    fn runs_words(&self) -> String {
        match (&self.scheduled, self.state_bytes) {
            (Some((every, reason)), _) => format!("as a query every {every}, because {reason}"),
            (None, Some(bytes)) => format!(
                "with every batch of events, before they are acknowledged; its state takes about {} for a million entities",
                figure::bytes(bytes)
            ),
            (None, None) => "with every batch of events, before they are acknowledged".to_owned(),
        }
    }

    fn hit_words(&self) -> String {
        let asks = match self.verdict.as_str() {
            "none" => "asks for nothing by itself".to_owned(),
            verdict => format!("asks for a {verdict} unless the text says otherwise"),
        };
        let points = figure::counted(u64::from(self.points), "point");
        let step_up = if self.step_up == "none" { String::new() } else { format!(", suggests: {}", self.step_up) };
        format!("{asks}, adds {points}{step_up}; it lasts {} after it was last true", self.ttl)
    }

    fn restrains_words(&self) -> String {
        if self.actions.is_empty() { "every action".to_owned() } else { self.actions.join(", ") }
    }

    fn trust_words(&self) -> &'static str {
        if self.uses_browser_facts {
            "also what browsers sent, so its hits never block"
        } else {
            "only what servers sent"
        }
    }

    fn rollout_words(&self) -> String {
        match self.rollout.as_str() {
            "100%" => "live means live for every entity".to_owned(),
            share => format!("live means live for {share} of entities; for the others it stays in shadow"),
        }
    }

    fn brake_words(&self) -> String {
        let Some(rate) = &self.max_block_rate else {
            return "none: add a header `max_block_rate` to have one".to_owned();
        };
        let state = if self.mode == RuleMode::Live { "watched now" } else { "watched once it is live" };
        format!(
            "back to shadow above {rate} of established entities blocked in an hour, once 200 of them had decisions; {state}"
        )
    }

    /// Says why the brake took it back.
    pub fn trip_words(&self, trip: &Trip) -> String {
        let share = figure::share(&trip.blocked, &trip.entities).unwrap_or_else(|| "0%".to_owned());
        let limit = self.max_block_rate.as_deref().unwrap_or("its limit");
        format!(
            "It blocked {} of {} established entities in an hour ({share}); {limit} is what it may. Look at whom it hit, \
             then change the rule or set it live again.",
            figure::count(&trip.blocked),
            figure::count(&trip.entities)
        )
    }
}
