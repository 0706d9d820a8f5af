//! What types alone can't say of a configuration.

use std::net::SocketAddr;

use super::{BrokerConfig, Config, MqttListenConfig, WebLogConfig};

/// Something wrong with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key with its tables and places in lists, from 0: `broker.0.address`.
    pub key: String,
    /// What is wrong and what was expected.
    pub message: String,
}

/// The shortest time for which a password may be good.
const PASSWORD_SHORTEST: kukaku_schema::DurationUs = kukaku_schema::DurationUs::from_secs(86_400);

fn fault<T>(key: impl Into<String>, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { key: key.into(), message: message.into() })
}

/// Checks a configuration without opening a file or a port.
///
/// # Errors
/// The first fault.
pub fn check(config: &Config) -> Result<(), Fault> {
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log) {
        return fault("log", format!("{:?} is no log filter like \"info\": {error}", config.log));
    }
    super::network::check(&config.network)
        .or_else(|(place, field, why)| fault(format!("network.{place}.{field}"), why))?;
    check_web(config)?;
    if let Some(mqtt) = &config.mqtt {
        check_mqtt(mqtt)?;
    }
    for (place, broker) in config.broker.iter().enumerate() {
        check_broker(place, broker, &config.broker[..place])?;
    }
    for (place, line) in config.serial.iter().enumerate() {
        check_line(place, line)?;
        if config.serial[..place].iter().any(|other| other.port == line.port) {
            return fault(format!("serial.{place}.port"), format!("{:?} stands twice; a port has one line", line.port));
        }
    }
    if config.passwords.valid_for.is_some_and(|valid_for| valid_for < PASSWORD_SHORTEST) {
        return fault(
            "passwords.valid_for",
            format!("a password good for less than {} is in the way of its users", PASSWORD_SHORTEST.to_text()),
        );
    }
    for (place, port) in config.syslog.iter().enumerate() {
        port.check().or_else(|e| fault(format!("syslog.{place}.{}", e.key), e.message))?;
        if config.syslog[..place].iter().any(|other| other.listen == port.listen) {
            return fault(format!("syslog.{place}.listen"), format!("{} stands twice", port.listen));
        }
        for (number, source) in port.source.iter().enumerate() {
            crate::dialects::Dialect::named(&source.dialect, source.windows.as_ref())
                .map(drop)
                .or_else(|(key, why)| fault(format!("syslog.{place}.source.{number}.{key}"), why))?;
        }
    }
    for (place, guacamole) in config.guacamole.iter().enumerate() {
        guacamole.check().or_else(|e| fault(format!("guacamole.{place}.{}", e.key), e.message))?;
        if config.guacamole[..place].iter().any(|other| other.source == guacamole.source) {
            let message = format!("{:?} stands twice; a source is asked in one place", guacamole.source.as_str());
            return fault(format!("guacamole.{place}.source"), message);
        }
    }
    for (place, folder) in config.footage.iter().enumerate() {
        folder.check().or_else(|e| fault(format!("footage.{place}.{}", e.field), e.reason))?;
    }
    for (place, folder) in config.oplogs.iter().enumerate() {
        folder.check().or_else(|e| fault(format!("oplogs.{place}.{}", e.field), e.reason))?;
    }
    super::witness::check(&config.witness)
        .or_else(|(place, field, why)| fault(format!("witness.{place}.{field}"), why))?;
    if let Some(backup) = &config.backup {
        let longest = kukaku_schema::DurationUs::from_secs(60);
        if backup.every.0 < 1_000_000 || backup.every > longest {
            return fault("backup.every", format!("{:?} is not between \"1s\" and \"60s\"", backup.every.to_text()));
        }
        if backup.keep == 0 {
            return fault("backup.keep", "0 would keep nothing; expected 1 or more");
        }
    }
    check_alerts(config)
}

/// The room of serial lines checks its own part; its errors name the key.
fn check_line(place: usize, line: &kukaku_serial::SerialConfig) -> Result<(), Fault> {
    use kukaku_serial::{SerialConfigError, SerialLink};
    match SerialLink::new(line.clone()) {
        Ok(_) => Ok(()),
        Err(SerialConfigError::Port { key, message }) => fault(format!("serial.{place}.{key}"), message),
        Err(SerialConfigError::Line(error)) => {
            // `messages[0].fields.reader` as `messages.0.fields.reader`.
            let key = error.key.replace('[', ".").replace(']', "");
            fault(format!("serial.{place}.line.{key}"), error.message)
        }
    }
}

fn check_web(config: &Config) -> Result<(), Fault> {
    let web = &config.web;
    if web.tls.is_none() && !web.listen.ip().is_loopback() {
        return fault("web.listen", needs_tls(web.listen, "[web.tls] with certificate and key"));
    }
    check_logs(&web.log)?;
    match &web.public_url {
        Some(url) if !(url.starts_with("https://") || url.starts_with("http://")) => {
            fault("web.public_url", format!("{url:?} is no address like \"https://kukaku.example.jp:8420\""))
        }
        _ => Ok(()),
    }
}

fn check_logs(logs: &[WebLogConfig]) -> Result<(), Fault> {
    for (place, log) in logs.iter().enumerate() {
        let key = |field: &str| format!("web.log.{place}.{field}");
        kukaku_schema::Name::new(log.source.as_str()).map(drop).or_else(|e| fault(key("source"), e))?;
        if logs[..place].iter().any(|other| other.source == log.source) {
            return fault(key("source"), format!("{:?} stands twice; a source has one log here", log.source));
        }
        crate::dialects::Dialect::named(&log.dialect, log.windows.as_ref())
            .map(drop)
            .or_else(|(field, why)| fault(key(field), why))?;
    }
    Ok(())
}

fn needs_tls(address: SocketAddr, what: &str) -> String {
    format!(
        "{address} is reachable from the network and needs TLS: add {what} (`kukaku init` made tls/server.pem), \
         or listen on 127.0.0.1"
    )
}

fn check_mqtt(mqtt: &MqttListenConfig) -> Result<(), Fault> {
    match mqtt.listen {
        Some(plain) if !plain.ip().is_loopback() && !mqtt.allow_plain => {
            return fault("mqtt.listen", needs_tls(plain, "[mqtt.tls] with listen, certificate and key"));
        }
        None if mqtt.tls.is_none() => {
            return fault("mqtt", "has neither `listen` nor [mqtt.tls]; take the table away for no listener");
        }
        _ => {}
    }
    if let (Some(plain), Some(tls)) = (mqtt.listen, &mqtt.tls)
        && plain == tls.listen
        && plain.port() != 0
    {
        return fault("mqtt.tls.listen", format!("{plain} is `mqtt.listen` already; give each its own port"));
    }
    for (key, value) in [
        ("mqtt.rate.per_second", mqtt.rate.per_second),
        ("mqtt.rate.burst", mqtt.rate.burst),
        ("mqtt.connections_max", mqtt.connections_max),
    ] {
        if value == 0 {
            return fault(key, "0 lets nothing through; expected 1 or more");
        }
    }
    let takes_certificates = mqtt.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    for (place, device) in mqtt.certificate.iter().enumerate() {
        let key = |field: &str| format!("mqtt.certificate.{place}.{field}");
        if !takes_certificates {
            return fault(key("name"), "client certificates need mqtt.tls.client_ca");
        }
        if device.sources.is_empty() {
            return fault(key("sources"), "names no source, so the device could say nothing");
        }
        if mqtt.certificate[..place].iter().any(|other| other.name == device.name) {
            return fault(key("name"), format!("{:?} stands twice", device.name));
        }
        if let Some(wrong) = device.sources.iter().find(|s| s.is_empty() || s.contains(['/', '+', '#'])) {
            return fault(key("sources"), format!("{wrong:?} can't stand in a topic: not empty, no / + #"));
        }
    }
    Ok(())
}

fn check_broker(place: usize, broker: &BrokerConfig, before: &[BrokerConfig]) -> Result<(), Fault> {
    let key = |field: &str| format!("broker.{place}.{field}");
    let Some((host, _)) = split_address(&broker.address) else {
        return fault(
            key("address"),
            format!("{:?} is no name and port like \"broker.example.jp:8883\"", broker.address),
        );
    };
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if broker.tls.is_none() && !is_here && !broker.allow_plain {
        return fault(
            key("address"),
            format!(
                "observations would cross the network to {host} in plain text; add [broker.tls], or say allow_plain = true"
            ),
        );
    }
    if broker.client_id.is_empty() {
        return fault(key("client_id"), "is empty; expected a text that stays the same at every start");
    }
    if before.iter().any(|other| other.address == broker.address && other.client_id == broker.client_id) {
        return fault(key("client_id"), format!("{:?} stands twice for this broker", broker.client_id));
    }
    if broker.source.is_some() && broker.source_level.is_some() {
        return fault(key("source"), "not together with `source_level`");
    }
    if broker.user.is_none() != broker.password_file.is_none() {
        return fault(key("user"), "`user` and `password_file` go together");
    }
    if let Some(tls) = &broker.tls
        && tls.certificate.is_none() != tls.key.is_none()
    {
        return fault(format!("broker.{place}.tls"), "`certificate` and `key` go together");
    }
    Ok(())
}

/// Name and port of `host:port`, `[2001:db8::1]:port`.
#[must_use]
pub fn split_address(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let is_whole = !bare.is_empty() && (bare == host) != bare.contains(':');
    is_whole.then(|| (bare.to_owned(), port))
}

/// The notify room checks its own part; its errors name the channel, from which the place in
/// the file is found.
fn check_alerts(config: &Config) -> Result<(), Fault> {
    use kukaku_notify::ConfigError;
    let alerts = &config.alerts;
    let Err(error) = alerts.check() else { return Ok(()) };
    let place_of = |id: &str, nth: usize| {
        let lists: [(&str, Vec<&str>); 5] = [
            ("mail", alerts.mail.iter().map(|c| c.id.as_str()).collect()),
            ("webhook", alerts.webhook.iter().map(|c| c.id.as_str()).collect()),
            ("mqtt", alerts.mqtt.iter().map(|c| c.id.as_str()).collect()),
            ("syslog", alerts.syslog.iter().map(|c| c.id.as_str()).collect()),
            ("tower", alerts.tower.iter().map(|c| c.id.as_str()).collect()),
        ];
        let mut found = lists.iter().flat_map(|(sort, ids)| {
            ids.iter().enumerate().filter(|(_, other)| **other == id).map(move |(at, _)| format!("alerts.{sort}.{at}"))
        });
        found.nth(nth)
    };
    let key = match &error {
        ConfigError::File { channel, field, .. } | ConfigError::Value { channel, field, .. } => {
            place_of(channel, 0).map_or_else(|| format!("alerts.{channel}.{field}"), |place| format!("{place}.{field}"))
        }
        ConfigError::Twice(id) => place_of(id, 1).map_or_else(|| "alerts".to_owned(), |place| format!("{place}.id")),
        ConfigError::NoSuchChannel { rule, .. } => format!("alerts.rule.{}.to", rule - 1),
    };
    fault(key, error.to_string())
}
