//! Reads a mail back: headers unfolded and decoded, and the plain part of the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// How deep parts may lie within parts.
const DEPTH_MAX: usize = 5;

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope, with a comma between them.
    pub to: String,
    /// The subject, decoded.
    pub subject: String,
    /// The plain part, decoded.
    pub text: String,
    /// When it was taken.
    pub received_at: Timestamp,
    /// Name and value of each header, unfolded and decoded, in order.
    pub headers: Vec<(String, String)>,
}

impl Mail {
    /// Reads what came after DATA.
    pub(super) fn read(from: String, to: Vec<String>, raw: &str, received_at: Timestamp) -> Self {
        let (headers, body) = split(raw);
        let text = plain(&headers, body, DEPTH_MAX).unwrap_or_default();
        let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name, decoded_words(&value))).collect();
        let mut mail = Self { from, to: to.join(", "), subject: String::new(), text, received_at, headers };
        mail.subject = mail.header("Subject").unwrap_or_default().into();
        mail
    }

    /// The value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// Headers, unfolded, and the body.
fn split(raw: &str) -> (Vec<(String, String)>, &str) {
    let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((raw, ""));
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers = unfolded.split("\r\n").filter_map(|line| line.split_once(':'));
    (headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect(), body)
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The first plain part of a body, decoded.
fn plain(headers: &[(String, String)], body: &str, depth: usize) -> Option<String> {
    let kind = find(headers, "Content-Type").unwrap_or("text/plain");
    if kind.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        let boundary = format!("--{}", parameter(kind, "boundary")?);
        let depth = depth.checked_sub(1)?;
        return body.split(&boundary).skip(1).find_map(|part| {
            let (headers, body) = split(part.trim_start_matches("\r\n"));
            plain(&headers, body, depth)
        });
    }
    if !kind.trim_start().to_ascii_lowercase().starts_with("text/plain") {
        return None;
    }
    let body = body.trim_end_matches("\r\n");
    let encoding = find(headers, "Content-Transfer-Encoding").unwrap_or("7bit").to_ascii_lowercase();
    let text = match encoding.as_str() {
        "base64" => base64(body),
        "quoted-printable" => quoted_printable(&body.replace("=\r\n", "")),
        _ => body.to_owned(),
    };
    Some(text.replace("\r\n", "\n"))
}

fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let parameters = header.split(';').skip(1).filter_map(|part| part.split_once('='));
    let (_, value) = parameters.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"'))
}

fn base64(text: &str) -> String {
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    String::from_utf8_lossy(&STANDARD.decode(packed).unwrap_or_default()).into_owned()
}

fn quoted_printable(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'=' {
            out.push(byte);
            continue;
        }
        let digits: Vec<u8> = bytes.by_ref().take(2).collect();
        let code = std::str::from_utf8(&digits).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.extend(code);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Undoes RFC 2047; blanks between two encoded words belong to neither.
fn decoded_words(value: &str) -> String {
    let mut out = String::new();
    let (mut rest, mut after_word) = (value, false);
    while let Some((before, word, after)) = next_word(rest) {
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&word);
        (rest, after_word) = (after, true);
    }
    out.push_str(rest);
    out
}

/// What stands before the next encoded word, the word decoded, and what follows it.
fn next_word(text: &str) -> Option<(&str, String, &str)> {
    let (before, rest) = text.split_once("=?")?;
    let mut parts = rest.splitn(3, '?');
    let (_charset, encoding, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (payload, after) = rest.split_once("?=")?;
    let word =
        if encoding.eq_ignore_ascii_case("b") { base64(payload) } else { quoted_printable(&payload.replace('_', " ")) };
    Some((before, word, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Mail {
        Mail::read(
            "a@example.com".into(),
            vec!["b@example.com".into()],
            &raw.replace('\n', "\r\n"),
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn words_and_parts_are_decoded() {
        let mail = read(
            "Subject: P1 =?utf-8?b?5Y+R56Wo?=\n =?utf-8?B?6aqM55yf?= HTTP\nContent-Type: multipart/alternative;\n \
             boundary=\"x\"\n\n--x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
             =E5=8F=91=\n=E7=A5=A8 a=3Db\n--x\nContent-Type: text/html\n\n<p>x</p>\n--x--\n",
        );
        assert_eq!(mail.subject, "P1 发票验真 HTTP");
        assert_eq!(mail.text, "发票 a=b");
    }

    #[test]
    fn broken_mails_do_no_harm() {
        for raw in
            ["", "\n\n", "Content-Type: multipart/x; boundary=\"\"\n\n--", "Subject: =?utf-8?b?%%?=\n\n=", "=?a?b?"]
        {
            read(raw);
        }
        assert_eq!(read("Content-Transfer-Encoding: quoted-printable\n\na=Z").text, "a");
    }
}
