//! Decimals compared digit by digit, as money must be: never through binary fractions.

use std::cmp::Ordering;

/// A decimal number of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    /// The power of ten of the place before the first digit: 0.5 has 0, 5 has 1, 50 has 2.
    magnitude: i64,
}

impl Decimal {
    /// Reads `118.00`, `-1e3`, `+.5`; `None` for anything else.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
        if !all_digits || whole.len() + fraction.len() == 0 {
            return None;
        }
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Self { negative: false, digits: String::new(), magnitude: 0 });
        }
        let leading = i64::try_from(digits.len() - significant.len()).ok()?;
        let magnitude = i64::try_from(whole.len()).ok()? - leading + i64::from(exponent);
        Some(Self { negative, digits: significant.trim_end_matches('0').to_owned(), magnitude })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |d: &Self| match (d.digits.is_empty(), d.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| {
            let size = self.magnitude.cmp(&other.magnitude).then_with(|| self.digits.cmp(&other.digits));
            if self.negative { size.reverse() } else { size }
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Decimal {
        Decimal::read(text).expect("a decimal")
    }

    #[test]
    fn the_same_number_is_equal_however_it_is_written() {
        for same in ["118", "118.00", "+118.0", "0118", "1.18e2", "11800E-2"] {
            assert_eq!(read(same), read("118"), "{same}");
        }
        assert_eq!(read("-0.00"), read("0"));
    }

    #[test]
    fn what_binary_fractions_confuse_is_told_apart() {
        assert!(read("0.1000000000000000055") > read("0.1"));
        assert!(read("9007199254740993") > read("9007199254740992.5"));
    }

    #[test]
    fn other_texts_are_no_decimals() {
        for text in ["", "-", ".", "1,5", "0x1", "1e", "NaN", " 1", "١"] {
            assert_eq!(Decimal::read(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn order_agrees_with_scaled_integers(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000) {
            let write = |n: i64| format!("{}{}.{:03}", if n < 0 { "-" } else { "" }, n.abs() / 1_000, n.abs() % 1_000);
            prop_assert_eq!(read(&write(a)).cmp(&read(&write(b))), a.cmp(&b));
        }
    }
}
