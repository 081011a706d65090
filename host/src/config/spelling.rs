//! "Did you mean ...?"

/// The candidate nearest to `word`, when it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let near = |(distance, candidate): &(usize, &str)| {
        let shorter = folded.chars().count().min(candidate.chars().count());
        // A third of the letters may differ; of very short words, one.
        *distance <= (shorter / 3).clamp(1, 3) && *distance < shorter
    };
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&folded, &fold(candidate)),
                candidate,
            )
        })
        .filter(near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `trust-proxy`, `trust_proxy` and `TrustProxy` are all `trustProxy`.
fn fold(word: &str) -> String {
    // Longer words are no misspellings of ours, and the distance costs their product.
    let letters = word.chars().take(64).filter(|c| !matches!(c, '-' | '_'));
    letters.flat_map(char::to_lowercase).collect()
}

/// `a, b and c`.
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let keys = [
            "backend",
            "plugins",
            "engine",
            "trustProxy",
            "cors",
            "limits",
        ];
        for (word, wanted) in [
            ("backnd", Some("backend")),
            ("Backend", Some("backend")),
            ("plugin", Some("plugins")),
            ("trust-proxy", Some("trustProxy")),
            ("TRUST_PROXY", Some("trustProxy")),
            ("cros", Some("cors")),
            ("limit", Some("limits")),
            ("app", None),
            ("auth", None),
            ("", None),
            ("c", None),
            ("organization", None),
        ] {
            assert_eq!(nearest(word, keys), wanted, "{word}");
        }
    }

    #[test]
    fn lists_words() {
        assert_eq!(listed([]), "none");
        assert_eq!(listed(["a"]), "a");
        assert_eq!(listed(["a", "b", "c"]), "a, b and c");
    }
}
