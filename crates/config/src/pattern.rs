//! Regular expressions and JSON paths, with the place of a mistake inside the text.

use regex::Regex;
use serde_json_path::JsonPath;

use crate::scalar::Problem;

/// Largest compiled expression: a bound on what one line of YAML can cost.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// A regular expression.
pub(crate) fn regex(text: &str) -> Result<Regex, Problem> {
    regex::RegexBuilder::new(text).size_limit(MAX_REGEX_BYTES).build().map_err(|error| {
        let said = error.to_string();
        // The parser draws the expression with a mark below it: the mark says where.
        let mark = said.lines().find(|line| line.trim_start().starts_with('^'));
        let drawn = said.lines().find(|line| line.trim_start() == text);
        let why = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let problem = Problem::new(format!("`{text}` is not a regular expression: {why}"));
        let indent = |line: &str| line.chars().take_while(|c| *c == ' ').count();
        match (mark, drawn) {
            (Some(mark), Some(drawn)) => {
                let width = mark.trim().chars().take_while(|c| *c == '^').count();
                problem.within(indent(mark).saturating_sub(indent(drawn)), width)
            }
            (_, _) => problem,
        }
    })
}

/// A JSON path of RFC 9535.
pub(crate) fn json_path(text: &str) -> Result<JsonPath, Problem> {
    JsonPath::parse(text).map_err(|error| {
        let at = error.position();
        let problem = Problem::new(format!("`{text}` is not a JSON path: {}", error.message()));
        let problem =
            if text.starts_with('$') { problem } else { problem.hint("a path begins with $, as in $.items[0].id") };
        problem.within(text.get(..at).map_or(0, |before| before.chars().count()), 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_placed_inside_the_text() {
        assert_eq!(regex("ab(cd").expect_err("unclosed").within, Some((2, 1)));
        assert!(regex("a.*b").is_ok());
        let problem = json_path("$.items[").expect_err("unclosed");
        assert!(problem.within.is_some() && problem.message.contains("JSON path"), "{problem:?}");
        assert!(json_path("items").expect_err("no root").hint.is_some());
        assert!(json_path("$.发票").is_ok() && json_path("$.发[").is_err());
    }
}
