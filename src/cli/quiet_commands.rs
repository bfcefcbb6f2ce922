//! Not paging, as the operator asks for it: silences, maintenance windows, what is suppressed, why not.

use jiff::SignedDuration;
use serde_json::json;
use watchbell_engine::label::Matcher;
use watchbell_engine::view::{MaintenanceView, SilenceView};
use watchbell_engine::why_not::WhyNot;

use super::args::{MaintenanceCommand, instant};
use super::output::Failure;
use super::server_commands::{Session, length};
use super::tell;
use crate::clock::Clock;
use crate::web::api::shapes::{Maintenances, Silences, SuppressedList};
use crate::web::percent_encoded;

fn texts(matchers: &[Matcher]) -> Vec<String> {
    matchers.iter().map(ToString::to_string).collect()
}

impl Session {
    /// A time as the operator writes it, as the API reads it.
    fn begins(&self, from: Option<String>) -> Result<Option<String>, Failure> {
        let now = Clock::system().now();
        let read = from.map(|text| instant(&text, &self.zone, now)).transpose().map_err(Failure::input)?;
        Ok(read.map(|at| at.to_string()))
    }

    pub(super) async fn silence(
        &self,
        matchers: &[Matcher],
        from: Option<String>,
        lasts: SignedDuration,
        reason: &str,
    ) -> Result<(), Failure> {
        let from = self.begins(from)?;
        let body = json!({"matchers": texts(matchers), "from": from, "for": length(lasts), "reason": reason});
        let silence: SilenceView = self.api.post("/api/v1/silences", &body).await?;
        self.show(&silence, || self.told(&silence));
        Ok(())
    }

    fn told(&self, silence: &SilenceView) -> String {
        let until = tell::moment(silence.until, &self.zone);
        if !silence.active {
            return format!("{} from {} until {until}; pending", silence.id, tell::moment(silence.from, &self.zone));
        }
        let quiet = match silence.silenced {
            1 => "1 alert is".to_owned(),
            n => format!("{n} alerts are"),
        };
        format!("{} until {until}; {quiet} quiet now", silence.id)
    }

    pub(super) async fn silences(&self) -> Result<(), Failure> {
        let list: Silences = self.api.get("/api/v1/silences").await?;
        self.show(&list, || tell::silences(&list, &self.zone));
        Ok(())
    }

    pub(super) async fn extend(&self, silence: &str, lasts: SignedDuration) -> Result<(), Failure> {
        let path = format!("/api/v1/silences/{}", percent_encoded(silence));
        let silence: SilenceView = self.api.post(&path, &json!({"for": length(lasts)})).await?;
        self.show(&silence, || self.told(&silence));
        Ok(())
    }

    pub(super) async fn unsilence(&self, silence: &str) -> Result<(), Failure> {
        self.api.delete(&format!("/api/v1/silences/{}", percent_encoded(silence))).await?;
        self.show(&json!({"id": silence, "ended": true}), || format!("{silence} has ended; what still fires is paged"));
        Ok(())
    }

    pub(super) async fn maintenance(&self, command: MaintenanceCommand) -> Result<(), Failure> {
        match command {
            MaintenanceCommand::List => {
                let list: Maintenances = self.api.get("/api/v1/maintenance").await?;
                self.show(&list, || tell::windows(&list.maintenance, &self.zone));
            }
            MaintenanceCommand::Add { matchers, title, from, lasts, kinds, up_to, cover_running } => {
                let from = self.begins(from)?;
                let body = json!({
                    "title": title, "matchers": texts(&matchers), "from": from, "for": length(lasts),
                    "expect": { "kinds": kinds, "up_to": up_to }, "cover_running": cover_running,
                });
                let window: MaintenanceView = self.api.post("/api/v1/maintenance", &body).await?;
                self.show(&window, || tell::windows(std::slice::from_ref(&window), &self.zone));
            }
            MaintenanceCommand::End { id } => {
                self.api.delete(&format!("/api/v1/maintenance/{}", percent_encoded(&id))).await?;
                self.show(&json!({"id": id, "ended": true}), || format!("{id} has ended; what still fires is paged"));
            }
        }
        Ok(())
    }

    pub(super) async fn suppressed(&self) -> Result<(), Failure> {
        let list: SuppressedList = self.api.get("/api/v1/suppressed").await?;
        self.show(&list, || tell::suppressed(&list, &self.zone));
        Ok(())
    }

    pub(super) async fn why_not(&self, person: &str, ticket: &str) -> Result<(), Failure> {
        let (ticket, person) = (percent_encoded(ticket), percent_encoded(person));
        let said: WhyNot = self.api.get(&format!("/api/v1/tickets/{ticket}/why-not?person={person}")).await?;
        self.show(&said, || tell::why_not(&said));
        Ok(())
    }
}
