//! What `docs/constraints.md` says, as it was when this was built.

const PAGE: &str = include_str!("../../docs/constraints.md");

/// A constraint's sentence.
pub fn rule(constraint: u16) -> Option<&'static str> {
    all().find(|(number, _)| *number == constraint).map(|(_, rule)| rule)
}

/// Every constraint there is, with its sentence.
pub fn all() -> impl Iterator<Item = (u16, &'static str)> {
    PAGE.lines().filter_map(|line| {
        let mut columns = line.strip_prefix("| C")?.split(" | ");
        Some((columns.next()?.parse().ok()?, columns.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::CONSTRAINTS;

    #[test]
    fn every_number_has_one_sentence_and_a_place_in_the_counts() {
        let mut numbers: Vec<_> = all().map(|(number, _)| number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..CONSTRAINTS as u16).collect::<Vec<_>>());
        assert!(all().all(|(_, rule)| rule.len() > 20 && !rule.contains('|')));
    }

    #[test]
    fn says_what_the_page_says() {
        assert_eq!(rule(41), Some("Between the last mask and ERET nothing opens anything"));
        assert_eq!(rule(0), None);
    }
}
