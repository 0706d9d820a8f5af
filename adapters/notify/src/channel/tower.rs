//! PATLITE network signal towers of the NH series (NH-FB, NHL, NHP and their successors).
//!
//! A tower shows a state, not messages: it is told the gravest severity that is open, whenever
//! that may have changed and every minute besides, because a tower that lost its power comes
//! back dark. Two protocols:
//!
//! - PNS commands over TCP, port 10000 unless set otherwise in the tower: `58 58`, one letter,
//!   `00`, the size of the data in two bytes, the data. `S` writes six bytes (red, amber, green,
//!   blue, white, buzzer), `C` clears, `G` reads the six bytes back. Answer: `06` taken, `15` not.
//! - HTTP: `GET /api/control?alert=` with six digits in the same order, answered `Success.` or
//!   `Error.`; `GET /api/control?clear=1`.
//!
//! Neither is authenticated or encrypted: the tower belongs into the zone's own network, and
//! what it shows proves nothing.

mod pns;

use kukaku_schema::{DurationUs, Severity};
use serde::Deserialize;
use tokio::net::TcpStream;
use ureq::Agent;

use super::{chain, said, within};
use crate::alert::{Alert, AlertState, Delivered};
use crate::config::{ChannelId, split_address, timeout_of};
use crate::error::{ConfigError, DeliveryError};
use crate::route::{Rules, route};

/// What is shown is written again this often, because a tower forgets it with its power.
pub const TOWER_REFRESH: DurationUs = DurationUs::from_secs(60);

/// How much of an HTTP answer is read, in bytes; the longest known is a dozen.
const ANSWER_MAX_BYTES: u64 = 256;

/// What one light does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// Dark.
    #[default]
    Off,
    /// Lit.
    On,
    /// Flashes in the tower's first pattern.
    Flash1,
    /// Flashes in the tower's second pattern.
    Flash2,
    /// Stays as somebody else set it.
    Keep,
}

/// What the buzzer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Buzzer {
    /// Silent.
    #[default]
    Off,
    /// Sounds in the tower's first pattern.
    Pattern1,
    /// Its second.
    Pattern2,
    /// Its third.
    Pattern3,
    /// Its fourth.
    Pattern4,
    /// Stays as somebody else set it.
    Keep,
}

/// What the whole tower does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TowerPattern {
    /// The red light.
    pub red: Light,
    /// The amber light.
    pub amber: Light,
    /// The green light.
    pub green: Light,
    /// The blue light.
    pub blue: Light,
    /// The white light.
    pub white: Light,
    /// The buzzer.
    pub buzzer: Buzzer,
}

impl TowerPattern {
    /// The six values as both protocols write them.
    #[must_use]
    pub fn values(&self) -> [u8; 6] {
        let light = |light| match light {
            Light::Off => 0,
            Light::On => 1,
            Light::Flash1 => 2,
            Light::Flash2 => 3,
            Light::Keep => 9,
        };
        let buzzer = match self.buzzer {
            Buzzer::Off => 0,
            Buzzer::Pattern1 => 1,
            Buzzer::Pattern2 => 2,
            Buzzer::Pattern3 => 3,
            Buzzer::Pattern4 => 4,
            Buzzer::Keep => 9,
        };
        [light(self.red), light(self.amber), light(self.green), light(self.blue), light(self.white), buzzer]
    }
}

/// How the tower is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TowerProtocol {
    /// PNS commands over TCP.
    #[default]
    Pns,
    /// HTTP commands.
    Http,
}

/// One tower: `[[alerts.tower]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TowerConfig {
    /// Its id.
    pub id: ChannelId,
    /// Where it is, `192.0.2.20:10000`; `:80` for HTTP.
    pub address: String,
    /// How it is spoken to.
    #[serde(default)]
    pub protocol: TowerProtocol,
    /// What it does while the gravest open finding is critical. Default: red flashes, buzzer.
    #[serde(default = "red_and_loud")]
    pub critical: TowerPattern,
    /// What it does while the gravest is high. Default: amber flashes.
    #[serde(default = "amber_flashes")]
    pub high: TowerPattern,
    /// What it does while the gravest is medium. Default: amber is lit.
    #[serde(default = "amber_lit")]
    pub medium: TowerPattern,
    /// What it does while nothing is open. Default: green is lit, so that a dead tower is told
    /// from a quiet day.
    #[serde(default = "green_lit")]
    pub clear: TowerPattern,
    /// The longest time that a command may take.
    #[serde(default = "five_seconds")]
    pub timeout: DurationUs,
}

fn red_and_loud() -> TowerPattern {
    TowerPattern { red: Light::Flash1, buzzer: Buzzer::Pattern1, ..TowerPattern::default() }
}

fn amber_flashes() -> TowerPattern {
    TowerPattern { amber: Light::Flash1, ..TowerPattern::default() }
}

fn amber_lit() -> TowerPattern {
    TowerPattern { amber: Light::On, ..TowerPattern::default() }
}

fn green_lit() -> TowerPattern {
    TowerPattern { green: Light::On, ..TowerPattern::default() }
}

fn five_seconds() -> DurationUs {
    DurationUs::from_secs(5)
}

/// What a tower has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TowerState {
    /// The gravest severity that is open; none: nothing is.
    pub worst_open: Option<Severity>,
    /// Somebody acknowledged everything of that severity: the lights stay, the buzzer is off.
    pub silenced: bool,
}

impl TowerState {
    /// What `tower` has to show of the newest alerts of all findings, each with whether a person
    /// acknowledged it. Only what the rules send to this tower counts; the resolved don't.
    #[must_use]
    pub fn of<'a>(rules: &Rules, tower: &ChannelId, newest: impl IntoIterator<Item = (&'a Alert, bool)>) -> Self {
        let mut state = Self::default();
        for (alert, acknowledged) in newest {
            if alert.state == AlertState::Resolved || !route(rules, alert).contains(tower) {
                continue;
            }
            if state.worst_open < Some(alert.severity) {
                state = Self { worst_open: Some(alert.severity), silenced: acknowledged };
            } else if state.worst_open == Some(alert.severity) {
                state.silenced &= acknowledged;
            }
        }
        state
    }
}

/// What a tower says that it does: red, amber, green, blue, white, buzzer, as in [`TowerPattern::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TowerLook(pub [u8; 6]);

/// A tower, ready.
#[derive(Debug)]
pub struct Tower {
    config: TowerConfig,
    host: String,
    port: u16,
    agent: Agent,
}

impl Tower {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the field that can't work.
    pub fn open(config: TowerConfig) -> Result<Self, ConfigError> {
        let (host, port) = split_address(&config.id, "address", &config.address)?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            // Alerts are rare: a connection kept would be dead when the next one comes.
            .max_idle_connections(0)
            .timeout_global(Some(timeout_of(config.timeout)))
            .max_response_header_size(8 * 1024)
            .build()
            .new_agent();
        Ok(Self { config, host, port, agent })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &TowerConfig {
        &self.config
    }

    /// The pattern for a state.
    #[must_use]
    pub fn pattern(&self, state: TowerState) -> TowerPattern {
        let pattern = match state.worst_open {
            Some(Severity::Critical) => self.config.critical,
            Some(Severity::High) => self.config.high,
            Some(Severity::Medium) => self.config.medium,
            None => self.config.clear,
        };
        TowerPattern { buzzer: if state.silenced { Buzzer::Off } else { pattern.buzzer }, ..pattern }
    }

    /// Makes the tower show the state. The same state may be written any number of times.
    ///
    /// # Errors
    /// `Refused` where the tower answers that it doesn't take the command, else `Retry`.
    pub async fn deliver(&self, state: TowerState) -> Result<Delivered, DeliveryError> {
        let values = self.pattern(state).values();
        let what = format!("signal tower {}", self.config.address);
        within(timeout_of(self.config.timeout), &what, async {
            match self.config.protocol {
                TowerProtocol::Pns => self.write_pns(values).await,
                TowerProtocol::Http => self.write_http(values).await,
            }
        })
        .await?;
        Ok(Delivered { confirmed: true, note: format!("shows {}", digits(values)) })
    }

    /// Asks the tower what it shows; over PNS only.
    ///
    /// # Errors
    /// As [`Tower::deliver`]; `Refused` over HTTP, whose answer differs from model to model.
    pub async fn look(&self) -> Result<TowerLook, DeliveryError> {
        if self.config.protocol == TowerProtocol::Http {
            return Err(DeliveryError::Refused("what a tower shows is read over PNS only".to_owned()));
        }
        let what = format!("signal tower {}", self.config.address);
        within(timeout_of(self.config.timeout), &what, async {
            let mut link = self.connect().await?;
            pns::read(&mut link).await.map(TowerLook).map_err(|e| e.of(&what))
        })
        .await
    }

    async fn connect(&self) -> Result<TcpStream, DeliveryError> {
        TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|e| DeliveryError::Retry(format!("signal tower {}: {e}", self.config.address)))
    }

    async fn write_pns(&self, values: [u8; 6]) -> Result<(), DeliveryError> {
        let mut link = self.connect().await?;
        let what = format!("signal tower {}", self.config.address);
        pns::write(&mut link, values).await.map_err(|e| e.of(&what))
    }

    async fn write_http(&self, values: [u8; 6]) -> Result<(), DeliveryError> {
        use std::io::Read as _;
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let command = if values == [0; 6] { "clear=1".to_owned() } else { format!("alert={}", digits(values)) };
        let request = self.agent.get(format!("http://{host}:{}/api/control?{command}", self.port));
        let address = &self.config.address;
        let lost = |e: String| DeliveryError::Retry(format!("signal tower {address}: {e}"));
        let answer = tokio::task::spawn_blocking(move || {
            request.call().map(|mut response| {
                let mut text = String::new();
                let body = response.body_mut().as_reader().take(ANSWER_MAX_BYTES).read_to_string(&mut text);
                (response.status().as_u16(), body.map(|_| text))
            })
        })
        .await
        .map_err(|e| lost(chain(&e)))?;
        let (status, text) = answer.map_err(|e| lost(chain(&e)))?;
        let text = text.map_err(|e| lost(chain(&e)))?;
        match status {
            200 if text.trim_start().starts_with("Success") => Ok(()),
            500..=599 => Err(lost(format!("answered {status} {}", said(text)))),
            _ => Err(DeliveryError::Refused(format!("signal tower {address}: answered {status} {}", said(text)))),
        }
    }
}

fn digits(values: [u8; 6]) -> String {
    values.iter().map(|value| char::from(b'0' + value % 10)).collect()
}
