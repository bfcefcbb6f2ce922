//! The alerts of a ticket, in the order they joined; found by their keys, however many there are.

use std::collections::BTreeMap;
use std::ops::Deref;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ticket::{Flapping, Member};
use crate::ids::{DedupKey, ProbeId};
use crate::time::shifted;

/// Up to so many are looked through; most tickets have one, and need no index.
const FEW: usize = 8;

/// The alerts of a ticket.
#[derive(Clone, Debug, Default)]
pub struct Members {
    list: Vec<Member>,
    /// Where each key stands, once there are more than a few.
    at: BTreeMap<DedupKey, usize>,
    firing: usize,
}

impl Members {
    /// How many of them fire.
    pub fn firing(&self) -> usize {
        self.firing
    }

    /// The one with this key.
    pub fn get(&self, key: &DedupKey) -> Option<&Member> {
        self.list.get(self.place(key)?)
    }

    /// Without the index.
    pub fn into_vec(self) -> Vec<Member> {
        self.list
    }

    /// Adds one, or takes the place of the one with the same key.
    pub fn put(&mut self, member: Member) {
        self.firing += usize::from(member.is_firing());
        if let Some(place) = self.place(&member.alert.key) {
            self.firing -= usize::from(self.list[place].is_firing());
            self.list[place] = member;
            return;
        }
        if self.list.len() >= FEW {
            if self.at.is_empty() {
                self.at = self.list.iter().enumerate().map(|(n, m)| (m.alert.key.clone(), n)).collect();
            }
            self.at.insert(member.alert.key.clone(), self.list.len());
        }
        self.list.push(member);
    }

    pub(super) fn end(&mut self, key: &DedupKey, at: Timestamp) {
        if let Some(member) = self.place(key).and_then(|place| self.list.get_mut(place)) {
            self.firing -= usize::from(member.is_firing());
            member.ended_at = member.ended_at.or(Some(at));
        }
    }

    pub(super) fn end_all(&mut self, at: Timestamp) {
        self.list.iter_mut().for_each(|m| m.ended_at = m.ended_at.or(Some(at)));
        self.firing = 0;
    }

    pub(super) fn note_gone(&mut self, probe: &ProbeId) {
        let of_it = self.list.iter_mut().filter(|m| m.alert.probe.as_ref() == Some(probe));
        of_it.for_each(|m| m.probe_gone = true);
    }

    /// Says that one comes and goes, or does so no more.
    pub(super) fn flap(&mut self, key: &DedupKey, flapping: Option<Flapping>) {
        if let Some(member) = self.place(key).and_then(|place| self.list.get_mut(place)) {
            member.flapping = flapping;
        }
    }

    /// What counts from events moves with the clock.
    pub(super) fn shift_flaps(&mut self, by_ms: i64) {
        for flapping in self.list.iter_mut().filter_map(|m| m.flapping.as_mut()) {
            flapping.calm_at = shifted(flapping.calm_at, by_ms);
        }
    }

    /// Forgets all others.
    pub(super) fn keep_only(&mut self, key: &DedupKey) {
        self.list.retain(|m| m.alert.key == *key);
        *self = std::mem::take(&mut self.list).into_iter().collect();
    }

    fn place(&self, key: &DedupKey) -> Option<usize> {
        if self.at.is_empty() {
            return self.list.iter().position(|m| m.alert.key == *key);
        }
        self.at.get(key).copied()
    }
}

impl Deref for Members {
    type Target = [Member];
    fn deref(&self) -> &[Member] {
        &self.list
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = &'a Member;
    type IntoIter = std::slice::Iter<'a, Member>;
    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl From<Member> for Members {
    fn from(member: Member) -> Self {
        Self { firing: usize::from(member.is_firing()), list: vec![member], at: BTreeMap::new() }
    }
}

impl FromIterator<Member> for Members {
    fn from_iter<I: IntoIterator<Item = Member>>(members: I) -> Self {
        let mut out = Self::default();
        members.into_iter().for_each(|member| out.put(member));
        out
    }
}

/// What is derived from the list says nothing more than the list.
impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Members {}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Vec::<Member>::deserialize(d)?.into_iter().collect())
    }
}
