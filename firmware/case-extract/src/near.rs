//! The names nearest to one that is not known, for the remedy in an error.

/// The nearest of `known` to `name` first, at most `most`, only such as a slip of the hand explains.
pub fn near<'k>(name: &str, known: impl Iterator<Item = &'k str>, most: usize) -> Vec<&'k str> {
    let wanted = plain(name);
    let allowed = (wanted.len() / 3).clamp(1, 4);
    let mut ranked: Vec<(usize, &str)> = known
        .filter_map(|candidate| {
            let candidate_plain = plain(candidate);
            let contains = candidate_plain.len() > 2
                && wanted.len() > 2
                && (candidate_plain.windows(wanted.len()).any(|w| w == wanted)
                    || wanted.windows(candidate_plain.len()).any(|w| w == candidate_plain));
            let distance = distance(&wanted, &candidate_plain);
            let distance = if contains { distance.min(allowed) } else { distance };
            (distance <= allowed).then_some((distance, candidate))
        })
        .collect();
    ranked.sort_by_key(|&(distance, _)| distance);
    ranked.into_iter().take(most).map(|(_, candidate)| candidate).collect()
}

/// Letters and digits in lower case: `Wheels In` and `wheels_in` differ in nothing that a reader means. Cut at 64, so
/// that a hostile header costs nothing.
fn plain(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

/// Levenshtein distance, one row at a time.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn a_slip_finds_its_name() {
        let known = ["milestones", "booking", "room", "room-kind", "time-formats"];
        assert_eq!(near("time-format", known.into_iter(), 1), ["time-formats"]);
        assert_eq!(near("milestone", known.into_iter(), 1), ["milestones"]);
        assert_eq!(near("colour", known.into_iter(), 1), Vec::<&str>::new());
        assert_eq!(near("wheels_in", ["Wheels In", "Wheels Out", "x"].into_iter(), 3)[0], "Wheels In");
    }
}
