//! Makes a text from outside fit for one line of a message.

/// The text as one line: control and direction characters are blanks, runs of blanks are one, the ends
/// are trimmed, and at most `max` characters are left.
pub fn one_line(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let visible = text.chars().map(|c| if c.is_control() || turns_direction(c) { ' ' } else { c });
    for c in visible {
        if c == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    clip(&out, max)
}

/// At most `max` characters; what was cut off is shown by `…`.
pub fn clip(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.into();
    }
    let mut out: String = text.chars().take(max.saturating_sub(1)).collect();
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

/// At most `max` bytes, cut between characters; what was cut off is shown by `…`.
pub fn clip_bytes(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.into();
    }
    let end = text.floor_char_boundary(max.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

/// Line and paragraph separators, and characters that turn the direction of what follows: with them a
/// summary could make a link or an address read as another one.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_becomes_one_line() {
        assert_eq!(one_line("  a\r\nBcc: x@example.com\t\u{202e}b ", 80), "a Bcc: x@example.com b");
    }

    #[test]
    fn cuts_fall_between_characters() {
        assert_eq!(clip("发票验真中断", 4), "发票验…");
        assert_eq!(clip("发票", 2), "发票");
        for max in 3..18 {
            let cut = clip_bytes("发票验真中断", max);
            assert!(cut.len() <= max && cut.ends_with('…'), "{max}: {cut}");
        }
        assert_eq!(clip_bytes("发票", 6), "发票");
    }
}
