//! What happens in a drawn night: faults alone and in storms, signals twice and in the wrong order, channels
//! that break, people of all habits, reloads, clocks that are set.

use std::collections::BTreeMap;

use serde_json::Value;
use watchbell_engine::ids::{ChannelId, OverrideId, PageId, PersonId, ProbeId, RotationId, SilenceId, TicketId};
use watchbell_engine::time::Millis;
use watchbell_engine::word::{FailureKind, ResolvedAs, Severity};

use super::config::{CHANNELS, Drawing, SERVICES};
use crate::night::event::{Act, Behaves, Broken, Fire, Says, StoreIs, What, When, Written};
use crate::night::{ConfigText, Span, yaml};
use crate::rng::Rng;

struct Draw<'a> {
    rng: &'a mut Rng,
    world: &'a Drawing,
    /// In seconds.
    lasts: u64,
    events: Vec<Written>,
}

pub(super) fn draw(rng: &mut Rng, world: &Drawing, lasts: Millis) -> Vec<Written> {
    let mut draw = Draw { rng, world, lasts: lasts.0 / 1_000, events: Vec::new() };
    draw.habits();
    draw.faults();
    draw.signals();
    draw.beats();
    draw.channels();
    draw.deeds();
    draw.trouble();
    draw.reloads();
    let mut events = draw.events;
    events.sort_by_key(|e| e.at);
    events
}

impl Draw<'_> {
    /// Some instant, most often early enough to matter.
    fn some_time(&mut self) -> i64 {
        let to = if self.rng.chance(70) { self.lasts * 2 / 3 } else { self.lasts };
        self.rng.between(5, to).cast_signed()
    }

    fn at(&mut self, secs: i64, what: What) {
        self.events.push(Written { at: Span::secs(secs), what });
    }

    fn person(&mut self) -> PersonId {
        PersonId::from(self.rng.pick(&self.world.people).as_str())
    }

    fn habits(&mut self) {
        for id in &self.world.people {
            let (acks, declines) = match self.rng.between(0, 9) {
                0..=2 => (Some(Span::secs(self.rng.between(5, 240).cast_signed())), None),
                3 => (None, Some(Span::secs(self.rng.between(5, 120).cast_signed()))),
                _ => continue,
            };
            let at = self.rng.between(0, self.lasts / 2).cast_signed();
            self.at(at, What::Person { id: PersonId::from(id.as_str()), acks_after: acks, declines_after: declines });
        }
    }

    /// Probes break and work again, alone, flapping, or many at once.
    fn faults(&mut self) {
        let storm = self.rng.chance(25).then(|| self.some_time());
        for id in &self.world.probes {
            if let Some(at) = storm {
                let at = at + self.rng.between(0, 20).cast_signed();
                self.breaks(id, at);
            }
            for _ in 0..self.rng.between(0, 3) {
                let at = self.some_time();
                self.breaks(id, at);
            }
            if self.rng.chance(10) {
                self.comes_and_goes(id);
            }
        }
    }

    fn comes_and_goes(&mut self, id: &str) {
        let mut at = self.some_time();
        for _ in 0..self.rng.between(2, 8) {
            self.at(at, What::Break(Broken { status: Some(503), ..Broken::of(&ProbeId::from(id)) }));
            at += self.rng.between(10, 50).cast_signed();
            self.at(at, What::Heal(ProbeId::from(id)));
            at += self.rng.between(5, 50).cast_signed();
        }
    }

    fn breaks(&mut self, id: &str, at: i64) {
        let probe = ProbeId::from(id);
        let broken = match self.rng.between(0, 9) {
            0..=4 => Broken { status: Some(503), ..Broken::of(&probe) },
            5..=6 => Broken { kind: Some(FailureKind::ConnectTimeout), ..Broken::of(&probe) },
            7 => Broken { slow: Some(Span(900)), ..Broken::of(&probe) },
            8 => Broken { inconclusive: true, ..Broken::of(&probe) },
            _ => Broken::of(&probe),
        };
        self.at(at, What::Break(broken));
        let short = self.rng.chance(30);
        let heals = at + if short { self.rng.between(2, 40) } else { self.rng.between(40, 1_500) }.cast_signed();
        if self.rng.chance(80) {
            self.at(heals, What::Heal(probe));
        }
    }

    fn signals(&mut self) {
        for n in 0..self.rng.between(0, 4) {
            let key = format!("disk-{n}");
            let severity = *self.rng.pick(&[Severity::Critical, Severity::Error, Severity::Warning, Severity::Info]);
            let labels = BTreeMap::from([("service".to_owned(), (*self.rng.pick(&SERVICES)).to_owned())]);
            let lapses_after =
                if self.rng.chance(30) { Some(Span::secs(self.rng.between(60, 400).cast_signed())) } else { None };
            let fire = Fire { key: key.clone(), severity, summary: None, labels, lapses_after };
            let at = self.some_time();
            for _ in 0..self.rng.between(1, 3) {
                let again = at + self.rng.between(0, 90).cast_signed();
                self.at(again, What::Fire(fire.clone()));
            }
            for _ in 0..self.rng.between(0, 2) {
                // It may come before the fire that it ends.
                let over = at + self.rng.between(0, 600).cast_signed() - 30;
                self.at(over.max(1), What::Over(key.clone()));
            }
        }
    }

    fn beats(&mut self) {
        for id in &self.world.heartbeats {
            let mut at = self.rng.between(1, 120);
            while at < self.lasts {
                let says = match self.rng.between(0, 9) {
                    0 => Says::Fail,
                    1 => Says::Start,
                    2 => Says::Exit(3),
                    _ => Says::Success,
                };
                self.at(at.cast_signed(), What::Beat { probe: ProbeId::from(id.as_str()), says });
                at += self.rng.between(60, 700);
            }
        }
    }

    fn channels(&mut self) {
        for _ in 0..self.rng.between(0, 3) {
            let id = ChannelId::from(*self.rng.pick(&CHANNELS));
            let of = if self.rng.chance(50) { Some(self.person()) } else { None };
            let modes = [
                Behaves::Refuses,
                Behaves::FailsForNow,
                Behaves::Hangs,
                Behaves::AnswerLost,
                Behaves::FailsAndDelivers,
                Behaves::Delays,
                Behaves::Doubles,
            ];
            let (at, is) = (self.some_time(), *self.rng.pick(&modes));
            self.at(at, What::Channel { id: id.clone(), of: of.clone(), is });
            let mended = at + self.rng.between(5, 900).cast_signed();
            self.at(mended, What::Channel { id, of, is: Behaves::Accepts });
        }
    }

    /// What people do by themselves, about tickets and pages that may be there.
    fn deeds(&mut self) {
        for _ in 0..self.rng.between(0, 6) {
            let at = self.some_time() / 60 * 60;
            let by = self.person();
            let ticket = TicketId(self.rng.between(1, 4));
            let page = PageId { ticket, n: u32::try_from(self.rng.between(1, 6)).unwrap_or(1) };
            let r#for = Span::secs(60 * self.rng.between(1, 15).cast_signed());
            let r#in =
                if self.rng.chance(40) { Some(Span::secs(60 * self.rng.between(1, 10).cast_signed())) } else { None };
            let what = match self.rng.between(0, 16) {
                0 => What::Ack(Act { by, ticket: None, page: Some(page) }),
                1 => What::Ack(Act { by, ticket: Some(ticket), page: None }),
                2 => What::Decline(Act { by, ticket: None, page: Some(page) }),
                3 => What::Escalate(Act { by, ticket: Some(ticket), page: None }),
                4 => What::Snooze { by, ticket, r#for },
                5 => What::Resolve { by, ticket, r#as: ResolvedAs::Fixed, cause: None },
                6 => match format!("service={}", self.rng.pick(&SERVICES)).parse() {
                    Ok(matcher) => What::Silence { by, r#match: vec![matcher], r#for, reason: "a deploy".into(), r#in },
                    Err(_) => continue,
                },
                7 => What::EndSilence { by, silence: SilenceId(self.rng.between(1, 2)) },
                8 => {
                    let rotation = RotationId::from(self.rng.pick(&self.world.rotations).as_str());
                    let replaces = if self.rng.chance(30) { Some(self.person()) } else { None };
                    What::Override { by, rotation, person: self.person(), r#for, replaces }
                }
                12 => What::Take { by, ticket },
                13 => What::Assign { by, ticket, to: self.person() },
                14 => What::Merge { by, ticket, into: TicketId(self.rng.between(1, 4)) },
                15 => What::ChangeSilence { by, silence: SilenceId(self.rng.between(1, 2)), r#for },
                16 => What::Note { by, ticket, text: "looking".into() },
                9 | 10 => What::Away { by, person: self.person(), r#for, reason: None },
                _ => What::RemoveOverride { by, id: OverrideId(self.rng.between(1, 2)) },
            };
            self.at(at, what);
        }
    }

    /// The process, the store and the clock.
    fn trouble(&mut self) {
        let points = [
            When::Now,
            When::BeforeCommit,
            When::BeforeRelease,
            When::BeforeHandOver,
            When::BeforeReport,
            When::BeforeAnswer,
        ];
        if self.rng.chance(40) {
            for _ in 0..self.rng.between(1, 3) {
                let (at, when) = (self.some_time(), *self.rng.pick(&points));
                let long = self.rng.chance(30);
                let down_for = Span(
                    if long { self.rng.between(10_000, 240_000) } else { self.rng.between(200, 3_000) }.cast_signed(),
                );
                self.at(at, What::Crash { when, down_for });
            }
        }
        if self.rng.chance(25) {
            let is = *self.rng.pick(&[StoreIs::Fails, StoreIs::Hangs, StoreIs::SaysNothing]);
            let (at, r#for) = (self.some_time(), Span::secs(self.rng.between(1, 90).cast_signed()));
            self.at(at, What::Store { is, r#for });
        }
        if self.rng.chance(20) {
            for _ in 0..self.rng.between(1, 2) {
                let at = self.some_time();
                let by = self.rng.between(3, 3_600).cast_signed() * if self.rng.chance(50) { 1 } else { -1 };
                self.at(at, What::Clock(Span::secs(by)));
            }
        }
    }

    /// Another configuration in mid-incident: somebody, a policy, a probe or a route is gone, a rotation is dealt anew.
    fn reloads(&mut self) {
        if !self.rng.chance(30) {
            return;
        }
        let mut config = self.world.config.clone();
        for _ in 0..self.rng.between(1, 2) {
            config = self.edited(&config);
            let at = self.some_time();
            self.at(at, What::Reload(ConfigText::inline(yaml::block(&config))));
        }
    }

    fn edited(&mut self, config: &Value) -> Value {
        let mut text = config.to_string();
        match self.rng.between(0, 5) {
            // A rename is a loss and a newcomer, and leaves nothing dangling.
            0 => text = text.replace("\"p1\"", "\"q1\""),
            1 => text = text.replace("\"way1\"", "\"path1\""),
            2 => text = text.replace("\"probe1\"", "\"prober1\""),
            3 => text = text.replace("\"duty1\"", "\"watch1\""),
            _ => {
                let mut config = config.clone();
                let part = *self.rng.pick(&["routes", "rotations", "probes"]);
                if let Some(Value::Array(items)) = config.get_mut(part) {
                    if part == "rotations" {
                        let layers =
                            items.iter_mut().filter_map(|r| r.get_mut("layers")).filter_map(Value::as_array_mut);
                        let people =
                            layers.flatten().filter_map(|l| l.get_mut("people")).filter_map(Value::as_array_mut);
                        people.for_each(|p| p.rotate_left(1));
                    } else if items.len() > 1 {
                        items.pop();
                    }
                }
                return config;
            }
        }
        serde_json::from_str(&text).unwrap_or_else(|_| config.clone())
    }
}
