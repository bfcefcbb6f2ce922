//! The names, addresses and promises behind the ids that the API shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchbell_config::{ChannelSpec, Config};
use watchbell_engine::ids::{ChannelId, PersonId, ProbeId};
use watchbell_engine::time::Millis;

/// Who is who in a story.
#[derive(Clone, Debug)]
pub struct Cast {
    /// The zone in which times are told.
    pub zone: TimeZone,
    /// The name of each person.
    pub names: BTreeMap<PersonId, String>,
    /// The mail address of each person who has one.
    pub mail_of: BTreeMap<PersonId, String>,
    /// The promise that `check` prints per probe.
    pub worst_case: BTreeMap<ProbeId, Millis>,
}

impl Cast {
    /// The cast of a configuration.
    pub fn of(config: &Config) -> Self {
        let is_mail = |spec: &ChannelSpec| match spec {
            ChannelSpec::Smtp(_) => true,
            ChannelSpec::Webhook(_) | ChannelSpec::Dingtalk(_) => false,
        };
        let by_mail: Vec<&ChannelId> =
            config.channels.iter().filter(|(_, spec)| is_mail(spec)).map(|(id, _)| id).collect();
        let mail_of = config.contacts.iter().filter_map(|(person, contacts)| {
            let address = by_mail.iter().find_map(|channel| contacts.get(*channel))?;
            Some((person.clone(), address.reveal().to_owned()))
        });
        Self {
            zone: config.catalog.zone.clone(),
            names: config.catalog.people.iter().map(|(id, person)| (id.clone(), person.name.clone())).collect(),
            mail_of: mail_of.collect(),
            worst_case: config.probes.iter().filter_map(|(id, spec)| Some((id.clone(), spec.worst_case?))).collect(),
        }
    }

    /// The name of a person, or the id of one who is not in the configuration.
    pub fn name<'a>(&'a self, person: &'a PersonId) -> &'a str {
        self.names.get(person).map_or(person.as_str(), String::as_str)
    }

    /// A time of day in the story's zone, to a tenth of a second.
    pub fn clock(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.zone.clone());
        let tenth = zoned.subsec_nanosecond() / 100_000_000;
        format!("{}.{tenth}", zoned.strftime("%H:%M:%S"))
    }
}
