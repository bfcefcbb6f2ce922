//! Reading `application/x-www-form-urlencoded`, for forms and queries of screens.

/// The fields of a form, in order. What is not well formed is kept as it is: a form never fails to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body or a query.
    pub(super) fn read(body: &[u8]) -> Self {
        let pairs = body.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
        let pair = |pair: &[u8]| {
            let (name, value) =
                pair.iter().position(|b| *b == b'=').map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
            (decoded(name), decoded(value))
        };
        Self(pairs.map(pair).collect())
    }

    /// The value of a field, without the space around it; `None` where it is missing or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

fn decoded(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = || Some((nibble(*tail.first()?)? << 4) | nibble(*tail.get(1)?)?);
        match (byte, hex()) {
            (b'%', Some(value)) => {
                out.push(value);
                rest = &tail[2..];
                continue;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn nibble(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let form = Form::read("action=ack&who=li.na&text=%E5%9B%9E%E6%BB%9A+now%21&empty=".as_bytes());
        assert_eq!((form.get("action"), form.get("text")), (Some("ack"), Some("回滚 now!")));
        assert_eq!((form.get("empty"), form.get("nothing")), (None, None));
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(Form::read(b"a=%&b=%z1&c=%e").get("a"), Some("%"));
        assert_eq!(Form::read(b"=&&=x").get("a"), None);
    }
}
