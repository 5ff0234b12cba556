//! The scores as tables for people.

use std::io::{self, Write};

use super::price::Price;
use super::tally::{Scores, Share};

/// Writes everything.
pub(super) fn write(scores: &Scores, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "seed {}, {} events over {} days\n", scores.seed, scores.events, scores.days)?;
    writeln!(
        out,
        "{:<22} {:>8} {:>7} {:>13} {:>15} {:>9} {:>8} {:>8} {:>8} {:>8} {:>7}",
        "family",
        "entities",
        "caught",
        "recall naive",
        "recall evasive",
        "free",
        "leakage",
        "first",
        "later",
        "other",
        "lost"
    )?;
    for family in &scores.families {
        writeln!(
            out,
            "{:<22} {:>8} {:>7} {:>13} {:>15} {:>9} {:>8} {:>8} {:>8} {:>8} {:>7}",
            family.family,
            family.all.of,
            family.all.some,
            percent(family.naive),
            percent(family.evasive),
            family.leaked.of,
            percent(family.leaked),
            percent(family.first),
            percent(family.later),
            family.lost.of,
            percent(family.lost),
        )?;
    }
    writeln!(out, "\n{:<22} {:>8} {:>9} {:>9}", "rule", "entities", "of cheats", "precision")?;
    for rule in &scores.rules {
        let mark = if rule.approximate { "  asked less often than it would be" } else { "" };
        let (entities, precision) = (rule.entities, percent(rule.entities));
        writeln!(out, "{:<22} {:>8} {:>9} {:>9}{mark}", rule.rule, entities.of, entities.some, precision)?;
    }
    writeln!(out, "\n{:<22} {:>8} {:>10} {:>10} {PRICE}", "honest people", "people", "restrained", "blocked")?;
    for group in scores.twins.iter().chain([&scores.good]) {
        writeln!(
            out,
            "{:<22} {:>8} {:>10} {:>10} {}",
            group.group,
            group.restrained.of,
            percent(group.restrained),
            percent(group.blocked),
            price(&group.price),
        )?;
    }
    writeln!(
        out,
        "\nrecall naive {}, evasive {} of the false identities",
        percent(scores.naive),
        percent(scores.evasive)
    )?;
    writeln!(
        out,
        "precision {} of {} restrained entities, {} of {} blocked ones",
        percent(scores.restrained),
        scores.restrained.of,
        percent(scores.blocked),
        scores.blocked.of,
    )?;
    writeln!(
        out,
        "leakage {} of the {} free credits that cheats spend; {} are spent by the first identity of each, and of what the \
         others spend {} leaks\n",
        percent(scores.credits),
        scores.credits.of,
        percent(scores.first),
        percent(scores.later),
    )?;
    writeln!(out, "{:<22} {:>8} {:>8} {:>8} {:>9} | {PRICE}", "policy", "leakage", "first", "later", "too large")?;
    for policy in &scores.policies {
        writeln!(
            out,
            "{:<22} {:>8} {:>8} {:>8} {:>9} | {}",
            policy.policy,
            percent(policy.credits),
            percent(policy.first),
            percent(policy.later),
            percent(policy.never),
            price(&policy.price),
        )?;
    }
    Ok(())
}

/// The columns of [`price`].
const PRICE: &str = "   delayed  median min    95 % min  free delayed   never";

fn price(price: &Price) -> String {
    let minutes = |minutes: Option<f64>| minutes.map_or_else(|| "-".to_owned(), |minutes| format!("{minutes:.1}"));
    format!(
        "{:>10} {:>11} {:>11} {:>13} {:>7}",
        percent(price.people),
        minutes(price.median_minutes),
        minutes(price.p95_minutes),
        percent(price.credits),
        price.never,
    )
}

fn percent(share: Share) -> String {
    share.value().map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", 100.0 * value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_no_numbers() {
        assert_eq!(percent(Share { some: 0, of: 0 }), "-");
        assert_eq!(percent(Share { some: 1, of: 8 }), "12.5 %");
    }
}
