//! Where the demo's own sinks are: the values of the shipped configuration's variables and secrets.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use super::service::{PROBE_TOKEN, PROBE_USER};

/// The addresses of one demo on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where HTTP is served: watchbell, the expense service, the phone.
    pub http: SocketAddr,
    /// Where mail is taken.
    pub smtp_port: u16,
}

impl Local {
    /// The address under which everything is reached from this machine.
    pub fn base(self) -> String {
        let mut http = self.http;
        if http.ip().is_unspecified() {
            http.set_ip(Ipv4Addr::LOCALHOST.into()); // listening everywhere is listening here too
        }
        format!("http://{http}")
    }

    /// The `vars` of the shipped configuration, as `--var` would give them.
    pub fn vars(self) -> BTreeMap<String, String> {
        let base = self.base();
        let vars = [
            ("expense_api", format!("{base}/demo/api")),
            ("smtp_host", "127.0.0.1".to_owned()),
            ("smtp_port", self.smtp_port.to_string()),
            ("smtp_tls", "none".to_owned()),
            ("hook_base", format!("{base}/demo/phone/hook")),
        ];
        vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The value of a secret that the shipped configuration takes from the environment. None of them
    /// opens anything outside this process. `None` for a name that the demo does not know.
    pub fn env(self, name: &str) -> Option<String> {
        let value = match name {
            "PROBE_TOKEN" => PROBE_TOKEN.to_owned(),
            "PROBE_USER" => PROBE_USER.0.to_owned(),
            "PROBE_PASSWORD" => PROBE_USER.1.to_owned(),
            "SMTP_PASSWORD" => "demo-smtp-password".to_owned(),
            // At least 24 bytes in base64, as Standard Webhooks ask.
            "HOOK_SECRET" => "whsec_d2F0Y2hiZWxsLWRlbW8taG9vay0wMDAx".to_owned(),
            "DING_URL" => format!("{}/demo/phone/ding?access_token=demo", self.base()),
            "DING_SECRET" => "SECdemo".to_owned(),
            heartbeat if heartbeat.ends_with("_TOKEN") => "demo-nightly-heartbeat".to_owned(),
            mobile if mobile.ends_with("_MOBILE") => "13800000000".to_owned(),
            _ => return None,
        };
        Some(value)
    }
}

/// What the demo says first: four links, the keys, and what to do next with one's own configuration.
pub fn greeting(base: &str) -> String {
    format!(
        "watchbell demo is running.\n\
         \n\
         \x20 overview   {base}/\n\
         \x20 break it   {base}/demo/break\n\
         \x20 phone      {base}/demo/phone\n\
         \x20 status     {base}/status\n\
         \n\
         keys (then enter): b break · a acknowledge · h heal · q end\n\
         next: `watchbell init DIR` writes a configuration of your own, `watchbell check --config DIR` reads it,\n\
         `watchbell run --config DIR` watches with it. Nothing of this demo is kept.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_leads_back_to_this_machine() {
        let local = Local { http: ([127, 0, 0, 1], 7247).into(), smtp_port: 2525 };
        let vars = local.vars();
        assert_eq!(vars["expense_api"], "http://127.0.0.1:7247/demo/api");
        assert_eq!(vars["hook_base"], "http://127.0.0.1:7247/demo/phone/hook");
        assert_eq!((vars["smtp_port"].as_str(), vars["smtp_tls"].as_str()), ("2525", "none"));
        assert!(local.env("DING_URL").is_some_and(|url| url.starts_with("http://127.0.0.1:7247/")));
        assert_eq!(local.env("NIGHTLY_TOKEN").map(|token| token.len() >= 16), Some(true));
        let everywhere = Local { http: ([0, 0, 0, 0], 7248).into(), smtp_port: 2525 };
        assert_eq!(everywhere.base(), "http://127.0.0.1:7248");
        assert_eq!(local.env("AWS_SECRET_ACCESS_KEY"), None);
    }
}
