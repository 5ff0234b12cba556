//! The names nearest to one that does not exist, for hints in errors. Pure.

use datafusion::common::utils::datafusion_strsim::levenshtein;

/// Names offered in one hint.
const NAMES_MAX: usize = 3;

/// Returns the candidates closest to `name`, best first: at most three, none further than half of its length.
///
/// Letter case does not count as a difference. A candidate that begins with the name, or ends with it, is close.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let mut ranked: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = levenshtein(&wanted, &lower);
            let longer = wanted.chars().count().max(lower.chars().count());
            let affix = wanted.len() >= 3 && (lower.starts_with(&wanted) || lower.ends_with(&wanted));
            (distance * 2 <= longer || affix).then_some((distance, candidate))
        })
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().take(NAMES_MAX).map(|(_, candidate)| candidate).collect()
}

/// Returns "did you mean `a`, `b`?", or nothing when no candidate is close.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = nearest(name, candidates);
    (!near.is_empty()).then(|| {
        let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
        format!("did you mean {}?", quoted.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_the_closest_names_first_and_nothing_far_away() {
        let tables = ["usage", "errors", "verdicts", "devices"];
        assert_eq!(nearest("usgae", tables), ["usage"]);
        assert_eq!(nearest("DEVICE", tables), ["devices"]);
        assert_eq!(nearest("zzz", tables), [] as [&str; 0]);
        assert_eq!(did_you_mean("error", tables).as_deref(), Some("did you mean `errors`?"));
    }
}
