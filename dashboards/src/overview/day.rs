//! The last day on the Overview: figures with their course, what changed in sentences that lead to the evidence, the latest
//! verdicts, the newest issues. It asks more than the rest of the page, so it comes by itself, and less often.

use askama::Template;

use crate::reason::{entity_address, short_id};
use crate::trend::Spark;
use crate::unit::Unit;
use crate::{PageError, Panel, address, figure, moment};

/// The last day. Shape: `overview_day.html`.
#[derive(Debug, Clone, Template)]
#[template(path = "overview_day.html")]
pub struct DayPage {
    /// When it was asked, microseconds.
    pub now: i64,
    /// Figures.
    pub stats: Panel<Vec<DayStat>>,
    /// What changed, the worst first.
    pub changes: Panel<Vec<Change>>,
    /// The latest verdicts, the newest first.
    pub verdicts: Panel<Vec<LatestVerdict>>,
    /// The newest issues, the newest first.
    pub issues: Panel<Vec<NewestIssue>>,
}

/// A figure of the last day.
#[derive(Debug, Clone, PartialEq)]
pub struct DayStat {
    /// What it is.
    pub name: &'static str,
    /// Its value, with its unit; a dash when there is none.
    pub value: String,
    /// What it is made of.
    pub detail: String,
    /// Its course, hour by hour.
    pub spark: Option<Spark>,
    /// The class of the drawing's columns.
    pub class: &'static str,
    /// Where it is looked into.
    pub link: String,
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A release crashes on one browser.
    Crashes(Crashes),
    /// A share went up or down.
    Moved(Moved),
    /// A rule found something.
    Found(Found),
}

/// A release that crashes on one browser.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Crashes {
    /// The release.
    pub release: String,
    /// The browser.
    pub browser: String,
    /// Sessions there.
    pub sessions: u64,
    /// Those that crashed.
    pub crashed: u64,
    /// Their share elsewhere, percent; none without sessions there.
    pub elsewhere: Option<f64>,
    /// The issue behind it; empty when none is known.
    pub issue: String,
    /// Its exception type.
    pub exception: String,
    /// People who met it.
    pub people: u64,
}

/// A share that went up or down from the day before.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// What it is a share of, as a sentence begins: `Crash-free sessions`.
    pub what: &'static str,
    /// Percent now.
    pub now: f64,
    /// Percent the day before.
    pub before: f64,
    /// Whether more is better.
    pub is_good: bool,
    /// Where it is looked into.
    pub link: &'static str,
}

/// What a rule found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// Whether it restrains anybody.
    pub is_live: bool,
    /// How many entities.
    pub entities: u64,
    /// In how many components of linked accounts; 0: not by these.
    pub groups: u64,
    /// What the strongest case is: account, device, …
    pub kind: String,
    /// The strongest case.
    pub entity: String,
    /// What was observed there.
    pub observed: f64,
    /// What it is held against.
    pub threshold: f64,
}

/// A decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatestVerdict {
    /// When, microseconds.
    pub at: i64,
    /// allow, throttle or block.
    pub verdict: String,
    /// What was asked about.
    pub action: String,
    /// About whom: kind and id; empty when nobody was named.
    pub who: (String, String),
    /// The first reason; empty for none.
    pub reason: String,
}

/// An issue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewestIssue {
    /// The issue.
    pub id: String,
    /// The exception's type, or what stands for it.
    pub title: String,
    /// Its message.
    pub message: String,
    /// When it was first seen, microseconds.
    pub first_seen: i64,
    /// Errors of the last 30 days.
    pub events: u64,
    /// People who met it.
    pub people: u64,
}

impl DayPage {
    /// Renders the fragment.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn fragment(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}

impl Change {
    /// Says what happened: what, the number, the time.
    pub fn sentence(&self) -> String {
        match self {
            Self::Crashes(crashes) => crashes.sentence(),
            Self::Moved(moved) => moved.sentence(),
            Self::Found(found) => found.sentence(),
        }
    }

    /// Returns the name of its mark.
    pub fn mark(&self) -> &'static str {
        match self {
            Self::Crashes(_) => "block",
            Self::Moved(moved) if moved.is_better() => "allow",
            Self::Moved(_) | Self::Found(_) => "throttle",
        }
    }

    /// Returns the next step: its words, and where it leads.
    pub fn step(&self) -> (String, String) {
        match self {
            Self::Crashes(crashes) if crashes.issue.is_empty() => {
                let release = [("release", crashes.release.as_str())];
                ("See its errors".to_owned(), address::with_parameters("/issues", release))
            }
            Self::Crashes(crashes) => {
                ("Open the issue".to_owned(), format!("/issues/{}", address::encode(&crashes.issue)))
            }
            Self::Moved(moved) => ("See its course".to_owned(), moved.link.to_owned()),
            Self::Found(found) => ("See why".to_owned(), entity_address(&found.kind, &found.entity)),
        }
    }

    /// Returns where the numbers behind it are: the question as SQL.
    pub fn evidence(&self) -> String {
        let query = match self {
            Self::Crashes(_) => "release_outliers",
            Self::Moved(moved) if moved.is_good => "crash_free_sessions",
            Self::Moved(_) => "error_rate",
            Self::Found(_) => "newest_finds",
        };
        address::with_parameters("/sql", [("name", query), ("p.from", "-24h")])
    }
}

impl Crashes {
    fn sentence(&self) -> String {
        let share = figure::share(&self.crashed, &self.sessions).unwrap_or_default();
        let elsewhere =
            self.elsewhere.map(|elsewhere| format!(", {} on other browsers", Unit::Percent.write_number(elsewhere)));
        let met = match self.exception.as_str() {
            "" => String::new(),
            exception => format!(" {} met {exception}.", people(self.people)),
        };
        format!(
            "Release {} crashes on {}: {} of {} ({share}){}.{met}",
            self.release,
            self.browser,
            figure::count(&self.crashed),
            figure::counted(self.sessions, "session"),
            elsewhere.unwrap_or_default(),
        )
    }
}

fn people(count: u64) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{} people", figure::count(&count)) }
}

impl Moved {
    fn is_better(&self) -> bool {
        (self.now > self.before) == self.is_good
    }

    fn sentence(&self) -> String {
        let went = if self.now > self.before { "rose" } else { "fell" };
        let (now, before) = (Unit::Percent.write_number(self.now), Unit::Percent.write_number(self.before));
        format!("{} {went} to {now}, from {before} the day before.", self.what)
    }
}

impl Found {
    fn sentence(&self) -> String {
        let kind = match self.kind.as_str() {
            "ip" => "address",
            "ip_prefix" => "network prefix",
            "api_key" => "API key",
            "email" => "mailbox",
            kind => kind,
        };
        let entities = match (self.entities, kind) {
            (1, kind) => format!("1 {kind}"),
            (count, "address") => format!("{} addresses", figure::count(&count)),
            (count, "mailbox") => format!("{} mailboxes", figure::count(&count)),
            (count, kind) => figure::counted(count, kind),
        };
        let groups = match self.groups {
            0 => String::new(),
            groups => format!(" in {}", figure::counted(groups, "group")),
        };
        let (observed, threshold) = (Unit::Count.write_number(self.observed), Unit::Count.write_number(self.threshold));
        let mode = if self.is_live { "" } else { " The rule is in shadow: nobody is restrained." };
        format!(
            "{}: {entities}{groups} in the last day, the strongest case at {observed} with a threshold of {threshold}.{mode}",
            self.title
        )
    }
}

impl LatestVerdict {
    /// Returns its mark, that of allow for what is not known.
    pub fn mark(&self) -> &'static str {
        ["allow", "throttle", "block"].into_iter().find(|verdict| *verdict == self.verdict).unwrap_or("allow")
    }

    /// Returns the id, shortened.
    pub fn short(&self) -> String {
        short_id(&self.who.1)
    }

    /// Returns where the one that was named is shown.
    pub fn link(&self) -> String {
        entity_address(&self.who.0, &self.who.1)
    }
}

impl NewestIssue {
    /// Returns where it is shown.
    pub fn link(&self) -> String {
        format!("/issues/{}", address::encode(&self.id))
    }

    /// Returns how long ago it was first seen.
    pub fn age(&self, now: &i64) -> String {
        moment::ago(now, &self.first_seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof;
    use crate::trend::Buckets;

    const NOW: i64 = 1_795_341_845_000_000;

    fn page(word: &str) -> DayPage {
        let text = word.to_owned();
        let crashes = Crashes {
            release: text.clone(),
            browser: text.clone(),
            sessions: 139,
            crashed: 51,
            elsewhere: Some(0.0),
            issue: text.clone(),
            exception: text.clone(),
            people: 39,
        };
        let found = Found {
            rule: text.clone(),
            title: text.clone(),
            is_live: false,
            entities: 76,
            groups: 8,
            kind: "account".to_owned(),
            entity: text.clone(),
            observed: 38.0,
            threshold: 3.0,
        };
        DayPage {
            now: NOW,
            stats: Panel::Ready(vec![DayStat {
                name: "Errors",
                value: "51".to_owned(),
                detail: text.clone(),
                spark: Some(Spark::new(&[(NOW, 3)], Buckets::new(NOW - moment::DAY, NOW))),
                class: "errors",
                link: "/d/reliability".to_owned(),
            }]),
            changes: Panel::Ready(vec![Change::Crashes(crashes), Change::Found(found)]),
            verdicts: Panel::Ready(vec![LatestVerdict {
                at: NOW,
                verdict: "throttle".to_owned(),
                action: text.clone(),
                who: ("device".to_owned(), text.clone()),
                reason: text.clone(),
            }]),
            issues: Panel::Ready(vec![NewestIssue {
                id: text.clone(),
                title: text.clone(),
                message: text,
                first_seen: NOW - moment::DAY,
                events: 4,
                people: 1,
            }]),
        }
    }

    #[test]
    fn sentences_say_what_happened_how_much_and_what_it_is_held_against() {
        let sentences: Vec<String> = page("X").changes.value().unwrap().iter().map(Change::sentence).collect();
        assert_eq!(
            sentences,
            [
                "Release X crashes on X: 51 of 139 sessions (36.7%), 0% on other browsers. 39 people met X.",
                "X: 76 accounts in 8 groups in the last day, the strongest case at 38 with a threshold of 3. The rule is in shadow: nobody is restrained.",
            ]
        );
        let fell =
            Moved { what: "Crash-free sessions", now: 90.6, before: 99.0, is_good: true, link: "/d/reliability" };
        let change = Change::Moved(fell);
        assert_eq!(change.sentence(), "Crash-free sessions fell to 90.6%, from 99% the day before.");
        assert_eq!(
            (change.mark(), change.evidence().as_str()),
            ("throttle", "/sql?name=crash_free_sessions&p.from=-24h")
        );
    }

    #[test]
    fn the_next_step_leads_to_the_evidence() {
        let steps: Vec<String> = page("a/b").changes.value().unwrap().iter().map(|change| change.step().1).collect();
        assert_eq!(steps, ["/issues/a%2Fb", "/e/account/a%2Fb"]);
    }

    #[test]
    fn hostile_text_adds_no_tag() {
        proof::adds_no_tag(&page(proof::HOSTILE).fragment().unwrap(), &page("word").fragment().unwrap());
        proof::has_nothing_inline(&page("word").fragment().unwrap());
    }

    #[test]
    fn every_part_says_when_there_is_nothing_or_it_failed() {
        let empty = DayPage {
            now: NOW,
            stats: Panel::Ready(Vec::new()),
            changes: Panel::Ready(Vec::new()),
            verdicts: Panel::Ready(Vec::new()),
            issues: Panel::Failed("This key does not see errors.".to_owned()),
        };
        let html = empty.fragment().unwrap();
        for words in ["Nothing out of the ordinary", "No verdict", "This key does not see errors."] {
            assert!(html.contains(words), "{words}: {html}");
        }
    }
}
