//! The links of pages: unguessable, and each for one page on one channel.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use watchbell_engine::ids::{ChannelId, PageId, TicketId};

use super::feed::Feed;

/// How many bytes of the HMAC a link carries: 128 bits.
const MAC_BYTES: usize = 16;

/// How many base64url characters those are.
const MAC_CHARS: usize = 22;

/// The kinds of feeds, as their addresses name them.
const PERSON: &str = "person";
const ROTATION: &str = "rotation";

/// The server's key for links; cheap to clone.
#[derive(Clone)]
pub struct LinkKey(Key);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(link key)")
    }
}

impl LinkKey {
    /// The key from its bytes, 32 random ones by rights.
    pub fn new(key: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA256, key))
    }

    /// `/a/42-7-hook-…`, to be put behind `public_url`.
    pub fn ack_path(&self, page: PageId, channel: &ChannelId) -> String {
        let token = format!("{}-{}-{channel}-{}", page.ticket.0, page.n, self.mac(page, channel));
        format!("/a/{}", percent_encoded(&token))
    }

    /// The page and channel that a link's last part is for; `None` for one that we did not make.
    pub fn verify(&self, token: &str) -> Option<(PageId, ChannelId)> {
        let (head, mac) = token.split_at_checked(token.len().checked_sub(MAC_CHARS)?)?;
        let mut parts = head.strip_suffix('-')?.splitn(3, '-');
        let page = PageId { ticket: TicketId(parts.next()?.parse().ok()?), n: parts.next()?.parse().ok()? };
        let channel = ChannelId::from(parts.next()?);
        let right = self.mac(page, &channel);
        verify_slices_are_equal(mac.as_bytes(), right.as_bytes()).ok().map(|()| (page, channel))
    }

    /// `/ical/person-li.na-….ics`, to be put behind `public_url`.
    pub(super) fn feed_path(&self, feed: &Feed) -> String {
        let (kind, id) = match feed {
            Feed::Person(id) => (PERSON, id.as_str()),
            Feed::Rotation(id) => (ROTATION, id.as_str()),
        };
        format!("/ical/{}.ics", percent_encoded(&format!("{kind}-{id}-{}", self.feed_mac(kind, id))))
    }

    /// Whose shifts the address is for; `None` for one that we did not make.
    pub(super) fn verify_feed(&self, token: &str) -> Option<Feed> {
        let (head, mac) = token.split_at_checked(token.len().checked_sub(MAC_CHARS)?)?;
        let (kind, id) = head.strip_suffix('-')?.split_once('-')?;
        verify_slices_are_equal(mac.as_bytes(), self.feed_mac(kind, id).as_bytes()).ok()?;
        match kind {
            PERSON => Some(Feed::Person(id.into())),
            ROTATION => Some(Feed::Rotation(id.into())),
            _ => None,
        }
    }

    /// No page is called `feed`, so that no address of a feed opens a page.
    fn feed_mac(&self, kind: &str, id: &str) -> String {
        let mac = sign(&self.0, format!("feed/{kind}/{id}").as_bytes());
        URL_SAFE_NO_PAD.encode(&mac.as_ref()[..MAC_BYTES])
    }

    fn mac(&self, page: PageId, channel: &ChannelId) -> String {
        // A page id holds no slash, so that no two pairs read the same.
        let mac = sign(&self.0, format!("{page}/{channel}").as_bytes());
        URL_SAFE_NO_PAD.encode(&mac.as_ref()[..MAC_BYTES])
    }
}

/// Text as one segment of a path (RFC 3986: everything but the unreserved characters is escaped).
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a String cannot fail");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_its_own_page_and_no_other() {
        let key = LinkKey::new(&[7; 32]);
        let page = PageId { ticket: TicketId(42), n: 7 };
        for channel in ["hook", "mail-2", "a-1"].map(ChannelId::from) {
            let path = key.ack_path(page, &channel);
            let token = path.strip_prefix("/a/").expect("the prefix");
            assert!(token.starts_with(&format!("42-7-{channel}-")) && token.len() == 6 + channel.as_str().len() + 22);
            assert_eq!(key.verify(token), Some((page, channel)));
            assert_eq!(LinkKey::new(&[8; 32]).verify(token), None, "another key");
            assert_eq!(key.verify(&token.replacen("42-7", "42-8", 1)), None, "another page");
            assert_eq!(key.verify(&format!("{token}A")), None);
        }
    }

    #[test]
    fn an_address_of_a_feed_is_for_that_feed_alone() {
        let key = LinkKey::new(&[7; 32]);
        for feed in [Feed::Person("li.na".into()), Feed::Rotation("expense-primary".into())] {
            let path = key.feed_path(&feed);
            let token = path.strip_prefix("/ical/").and_then(|rest| rest.strip_suffix(".ics")).expect("an address");
            assert_eq!(key.verify_feed(token), Some(feed));
            assert_eq!(LinkKey::new(&[8; 32]).verify_feed(token), None, "another key");
            assert_eq!(
                key.verify_feed(&token.replacen("li.na", "wang.lei", 1).replacen("primary", "secondary", 1)),
                None
            );
            assert_eq!(
                key.verify_feed(&token.replacen("person-", "rotation-", 1).replacen(
                    "rotation-expense",
                    "person-expense",
                    1
                )),
                None
            );
            assert_eq!(key.verify(token), None, "it is no link of a page");
        }
        assert_eq!(key.verify_feed(""), None);
    }

    #[test]
    fn rubbish_is_no_link() {
        let key = LinkKey::new(&[7; 32]);
        for token in [
            "",
            "42",
            "42-7-hook-",
            "發發發發發發發發發",
            "-1-7-hook-AAAAAAAAAAAAAAAAAAAAAA",
            "42-7-AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(key.verify(token), None, "{token}");
        }
    }

    #[test]
    fn the_mac_is_the_one_of_the_contract() {
        // HMAC-SHA256(key = 32 bytes of 7, "INC-42-p7/hook"), the first 16 bytes in base64url.
        let page = PageId { ticket: TicketId(42), n: 7 };
        insta::assert_snapshot!(LinkKey::new(&[7; 32]).ack_path(page, &ChannelId::from("hook")), @"/a/42-7-hook-L4b5Y81NDxVb3TVvs3K9nA");
    }
}
