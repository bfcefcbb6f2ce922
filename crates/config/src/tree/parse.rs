//! From text to the tree, over serde-saphyr.
//!
//! Owns: anchors and merge keys, repeated keys, the bounds against nesting and alias bombs.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::{Key, KeyPath, Node, Place, Scalar, SourceFile, Value};
use crate::mistake::{Mistake, Mistakes, Spot};

/// Deepest nesting; the deepest thing that can be described has about ten levels.
const MAX_DEPTH: usize = 64;
/// Most values in one file: 100,000 probes have about three million.
const MAX_NODES: usize = 4_000_000;
/// Most values that aliases may repeat: enough for a thousand probes sharing one request.
const MAX_ALIASED: usize = 100_000;

/// What to do about `url: {{vars.api}}`, which YAML takes for a map in a map.
const QUOTE_BRACES: &str = "put quotes around a text that begins with {{";

/// Stack for parsing: an unoptimised build overflows the usual 2 MiB of a thread before [`MAX_DEPTH`]. Only
/// what is touched is ever taken from the machine.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Reads every file; unreadable ones are recorded in `out` and left out.
pub(crate) fn parse_all(files: &[Arc<SourceFile>], out: &mut Mistakes) -> Vec<Node> {
    let roots = std::thread::scope(|scope| {
        let all = || files.iter().filter_map(|file| parse(file, out)).collect();
        let parser =
            std::thread::Builder::new().name("yaml".into()).stack_size(STACK_BYTES).spawn_scoped(scope, all)?;
        Ok(parser.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    roots.unwrap_or_else(|error: std::io::Error| {
        out.push(Mistake::outside("YAML", "", format!("no thread to read it with: {error}"), None));
        Vec::new()
    })
}

/// Reads one file; an unreadable one is recorded in `out` and `None`.
fn parse(file: &Arc<SourceFile>, out: &mut Mistakes) -> Option<Node> {
    let budget = serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: MAX_NODES, max_events: 3 * MAX_NODES };
    let options = serde_saphyr::options! {
        budget: budget,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Raw>(&file.text, options) {
        Ok(raw) => Some(Growing { file, out }.node(raw, KeyPath::default())),
        Err(error) => {
            unreadable(file, &error, out);
            None
        }
    }
}

/// Says in our words why the text is no YAML.
fn unreadable(file: &Arc<SourceFile>, error: &serde_saphyr::Error, out: &mut Mistakes) {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((1, 1), |l| (index(l.line()), index(l.column())));
    let place = Place { file: file.clone(), line: line.max(1), column: column.max(1), width: 1 };
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    let source = file.line(place.line);
    let (message, hint) = if said.contains("Depth") || said.contains("flow_nesting") || said.contains("recursion limit")
    {
        (format!("nested deeper than {MAX_DEPTH} levels"), None)
    } else if said.contains("budget") || said.contains("replay") {
        ("too many values, or aliases that repeat too much".into(), Some("write the values out, or split the file"))
    } else if said.contains("multiple YAML documents") {
        ("a second YAML document begins here".into(), Some("one file holds one document; remove the `---`"))
    } else if source.contains(": {{") {
        (format!("this is no YAML: {said}"), Some(QUOTE_BRACES))
    } else if source.contains('\t') {
        (format!("this is no YAML: {said}"), Some("indent with blanks, not with tabs"))
    } else {
        (format!("this is no YAML: {said}"), None)
    };
    out.error(&Spot::new(place, KeyPath::default()), message, hint.map(String::from));
}

fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Turns what serde hands over into the tree.
struct Growing<'a> {
    file: &'a Arc<SourceFile>,
    out: &'a mut Mistakes,
}

impl Growing<'_> {
    fn node(&mut self, raw: Raw, path: KeyPath) -> Node {
        let source = source_of(&self.file.text, &raw.0.defined);
        let mut place = self.place(&raw.0.defined, source);
        let value = match raw.0.value {
            Plain::Null if source.is_empty() || is_null(source) => {
                // An empty value is reported where it should stand, which is after the key.
                place.width = place.width.max(1);
                Value::Null
            }
            Plain::Null => Value::Null,
            Plain::Typed => Value::Scalar(Scalar {
                text: source.into(),
                quoted: false,
                written: None,
                begins: Some(0),
                broken: false,
            }),
            Plain::Text(text) => Value::Scalar(self.text(text, source)),
            Plain::List(items) => {
                Value::List(items.into_iter().enumerate().map(|(i, item)| self.node(item, path.index(i))).collect())
            }
            Plain::Map(entries) => self.map(entries, &path),
        };
        Node { place, path, value }
    }

    fn text(&self, text: String, source: &str) -> Scalar {
        let quote = source.chars().next().filter(|c| matches!(c, '"' | '\''));
        let begins = match quote {
            Some(_) if source.get(1..source.len() - 1) == Some(text.as_str()) => Some(1),
            None if source == text => Some(0),
            Some(_) | None => None,
        };
        // What was resolved to a text although it reads like a number was tagged or is a block.
        let quoted = quote.is_some() || source != text;
        Scalar { text, quoted, written: None, begins, broken: false }
    }

    fn map(&mut self, raw: Vec<(Raw, Raw)>, path: &KeyPath) -> Value {
        let mut entries: Vec<(Key, Node)> = Vec::with_capacity(raw.len());
        let mut seen = std::collections::HashMap::new();
        for (key, value) in raw {
            let key = self.node(key, path.clone());
            let Value::Scalar(scalar) = &key.value else {
                let hint = matches!(key.value, Value::Map(_)).then(|| QUOTE_BRACES.to_owned());
                self.out.error(&key.spot(), format!("a key must be a text; this is {}", key.what()), hint);
                // What the rest would have meant cannot be known.
                return Value::Scalar(Scalar { broken: true, ..Scalar::empty() });
            };
            let text = scalar.text.clone();
            let value = self.node(value, path.key(&text));
            if let Some(first) = seen.get(&text) {
                let spot = Spot::new(key.place.clone(), value.path.clone());
                let first: &Place = first;
                self.out.error(&spot, format!("`{text}` is written twice in this map; the first is at {first}"), None);
                continue;
            }
            seen.insert(text.clone(), key.place.clone());
            entries.push((Key { text, place: key.place }, value));
        }
        Value::Map(entries)
    }

    fn place(&self, location: &Location, source: &str) -> Place {
        let width = source.lines().next().map_or(1, |line| line.chars().count()).max(1);
        Place {
            file: self.file.clone(),
            line: index(location.line()).max(1),
            column: index(location.column()).max(1),
            width,
        }
    }
}

fn is_null(source: &str) -> bool {
    matches!(source, "~" | "null" | "Null" | "NULL")
}

/// The characters of the file that a scalar covers; empty for maps and lists in block style.
fn source_of<'t>(text: &'t str, location: &Location) -> &'t str {
    let span = location.span();
    let (Some(from), Some(len)) = (span.byte_offset(), span.byte_len()) else { return "" };
    let (from, len) = (index(from), index(len));
    text.get(from..from.saturating_add(len)).unwrap_or_default()
}

/// A value with its place, as serde-saphyr gives it.
struct Raw(Spanned<Plain>);

enum Plain {
    Null,
    /// A truth value or a number: its source text says it better than the parsed value.
    Typed,
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Spanned::deserialize(d).map(Self)
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(PlainVisitor)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Null)
    }
    fn visit_none<E>(self) -> Result<Plain, E> {
        Ok(Plain::Null)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Plain, E> {
        Ok(Plain::Typed)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Plain, E> {
        Ok(Plain::Typed)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Plain, E> {
        Ok(Plain::Typed)
    }
    fn visit_i128<E>(self, _: i128) -> Result<Plain, E> {
        Ok(Plain::Typed)
    }
    fn visit_u128<E>(self, _: u128) -> Result<Plain, E> {
        Ok(Plain::Typed)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Plain, E> {
        Ok(Plain::Typed)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain::Text(text.into()))
    }
    fn visit_string<E>(self, text: String) -> Result<Plain, E> {
        Ok(Plain::Text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Plain, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Plain::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Plain, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Plain::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Node>, Vec<String>) {
        let mut out = Mistakes::default();
        let file = Arc::new(SourceFile::new("t.yaml", text));
        let node = parse_all(&[file], &mut out).pop();
        (node, out.finish().0.iter().map(Mistake::headline).collect())
    }

    fn text_of<'n>(node: &'n Node, key: &str) -> &'n str {
        node.get(key).and_then(Node::text).unwrap_or("(none)")
    }

    #[test]
    fn untyped_values_keep_their_text_and_place() {
        let (node, errors) = read("a: no\nb: 1.10\nc: 007\nd: \"x y\"\ne:\n发票: { f: 1_000 }\n");
        let node = node.expect("parses");
        assert!(errors.is_empty());
        assert_eq!(["a", "b", "c", "d"].map(|k| text_of(&node, k)), ["no", "1.10", "007", "x y"]);
        assert!(matches!(node.get("e").expect("there").value, Value::Null));
        let f = node.get("发票").and_then(|n| n.get("f")).expect("there");
        assert_eq!(
            (f.text(), f.place.line, f.place.column, f.path.to_string()),
            (Some("1_000"), 6, 10, "发票.f".into())
        );
    }

    #[test]
    fn merged_and_aliased_values_stand_where_they_are_written() {
        let (node, errors) = read("a: &a { x: 1, y: 2 }\nb: { <<: *a, x: 3 }\nc: *a\n");
        let node = node.expect("parses");
        assert!(errors.is_empty(), "{errors:?}");
        let b = node.get("b").expect("there");
        assert_eq!((text_of(b, "x"), text_of(b, "y")), ("3", "2"), "what is written wins over what is merged");
        assert_eq!(b.get("y").map(|y| (y.place.line, y.place.column, y.path.to_string())), Some((1, 18, "b.y".into())));
        assert_eq!(text_of(node.get("c").expect("there"), "x"), "1");
    }

    #[test]
    fn a_repeated_key_names_both_places() {
        let (_, errors) = read("a: 1\nb: { c: 1, c: 2 }\na: 2\n");
        assert_eq!(
            errors,
            [
                "t.yaml:2:12: `c` is written twice in this map; the first is at t.yaml:2:6",
                "t.yaml:3:1: `a` is written twice in this map; the first is at t.yaml:1:1",
            ]
        );
    }

    #[test]
    fn bombs_are_refused_quickly() {
        let deep = format!("a: {}{}\n", "[".repeat(10_000), "]".repeat(10_000));
        assert!(read(&deep).1[0].contains("nested deeper than 64"), "{:?}", read(&deep).1);
        let mut lol = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..10 {
            lol += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
        }
        assert!(read(&lol).1[0].contains("aliases that repeat too much"), "{:?}", read(&lol).1);
        assert!(!read("a: &a [*a]\n").1.is_empty(), "an alias inside its own anchor");
    }
}
