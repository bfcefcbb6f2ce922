//! The first steps of a runbook, which go into the page.

use std::io::Read as _;

use watchbell_engine::catalog::Runbook;

use crate::context::Context;
use crate::mistake::Mistakes;
use crate::tree::Node;
use crate::web_address;

/// So many steps fit into a page.
const STEPS: usize = 3;
/// Longest runbook that is read.
const MAX_BYTES: u64 = 256 * 1024;

/// A path below the configuration directory, or a web address.
pub(crate) fn read(node: &Node, context: &Context<'_>, out: &mut Mistakes) -> Option<Runbook> {
    let source = out.text(node, "the path or address of a runbook")?.to_owned();
    if source.contains("://") {
        out.value(node, "an address", |text| web_address::http(text, true))?;
        return Some(Runbook { source, steps: Vec::new() });
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(context.dir.join(&source));
    if let Err(error) = opened.and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
        let hint = Some("the path is relative to the configuration directory".into());
        out.error(&node.spot(), format!("the runbook {} cannot be read: {error}", node.written()), hint);
        return None;
    }
    let steps = first_steps(&String::from_utf8_lossy(&bytes));
    if steps.is_empty() {
        let hint = Some("write its first steps as `1. …` or `- …`: they go into the page".into());
        out.warn(&node.spot(), format!("the runbook {} has no list", node.written()), hint);
    }
    Some(Runbook { source, steps })
}

/// The first items of the first list of a Markdown text.
fn first_steps(text: &str) -> Vec<String> {
    let items = text.lines().filter_map(|line| {
        // What is indented belongs to the item above.
        let item = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).or_else(|| {
            let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
            let numbered = rest.len() < line.len();
            numbered.then(|| rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") "))).flatten()
        })?;
        let item = item.trim();
        (!item.is_empty()).then(|| item.to_owned())
    });
    items.take(STEPS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_items_are_steps() {
        let text = "# 预案\n\n1. 看网关 5xx\n   - 细节\n2. 回滚最近发布\n\n3) 切备用通道\n4. 其他\n";
        assert_eq!(first_steps(text), ["看网关 5xx", "回滚最近发布", "切备用通道"]);
        assert_eq!(first_steps("- a\n* b\n"), ["a", "b"]);
        assert!(first_steps("no list\n-\n1.\n").is_empty());
    }
}
