//! The scores as tables for people.

use std::io::{self, Write};

use super::tally::{Scores, Share};

/// Writes everything.
pub(super) fn write(scores: &Scores, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "seed {}, {} events over {} days\n", scores.seed, scores.events, scores.days)?;
    writeln!(
        out,
        "{:<22} {:>8} {:>7} {:>13} {:>15} {:>9} {:>8} {:>8} {:>8} {:>7}",
        "family", "entities", "caught", "recall naive", "recall evasive", "free", "leakage", "first", "other", "lost"
    )?;
    for family in &scores.families {
        writeln!(
            out,
            "{:<22} {:>8} {:>7} {:>13} {:>15} {:>9} {:>8} {:>8} {:>8} {:>7}",
            family.family,
            family.all.of,
            family.all.some,
            percent(family.naive),
            percent(family.evasive),
            family.leaked.of,
            percent(family.leaked),
            percent(family.first),
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
    writeln!(out, "\n{:<22} {:>8} {:>10} {:>10}", "honest people", "people", "restrained", "blocked")?;
    for group in scores.twins.iter().chain([&scores.good]) {
        writeln!(
            out,
            "{:<22} {:>8} {:>10} {:>10}",
            group.group,
            group.restrained.of,
            percent(group.restrained),
            percent(group.blocked),
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
        "leakage {} of the {} free credits that cheats spend; {} are spent by the first identity of each",
        percent(scores.credits),
        scores.credits.of,
        percent(scores.first),
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
