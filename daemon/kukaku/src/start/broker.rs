//! Existing MQTT brokers, to which the daemon is a client.

use std::sync::Arc;

use kukaku_mqtt::client::{Client, ClientConfig, Jitter, SourceOf};
use kukaku_mqtt::{LinkEvent, Reporter};
use kukaku_tls::ClientIdentity;

use crate::config::{BrokerConfig, split_address};
use crate::failure::Failure;
use crate::rooms::{Ledger, Rooms};
use crate::secrets;
use crate::writer::Writer;

/// Starts the client of one broker.
///
/// # Errors
/// `Written`: a setting, certificate or password can't be used.
pub fn start(rooms: &mut Rooms, config: &BrokerConfig, writer: &Writer) -> Result<(), Failure> {
    let room = format!("broker {}", config.address);
    let made = client_config(config)?;
    let report = reporter(room.clone(), rooms.ledger());
    // Refuses a wrong setting now; the room makes its client anew each time it is entered.
    Client::new(made.clone(), Arc::clone(&report)).map_err(|e| Failure::Written(format!("{room}: {e}")))?;
    let writer = writer.clone();
    rooms.start(room, move |stop| {
        let client = Client::new(made.clone(), Arc::clone(&report));
        let writer = writer.clone();
        async move {
            client.map_err(|e| e.to_string())?.run(writer, jitter(), stop).await;
            Ok(())
        }
    });
    Ok(())
}

fn client_config(config: &BrokerConfig) -> Result<ClientConfig, Failure> {
    let (host, port) = split_address(&config.address)
        .ok_or_else(|| Failure::Written(format!("broker {:?} is no name and port", config.address)))?;
    let mut made = ClientConfig::new(host, port, config.client_id.clone());
    made.topic_filter.clone_from(&config.topics);
    made.source = match (&config.source, config.source_level) {
        (Some(source), _) => SourceOf::Fixed(source.clone()),
        (None, Some(level)) => SourceOf::Level(usize::from(level)),
        (None, None) => SourceOf::Tree,
    };
    if let Some(tls) = &config.tls {
        let identity = tls.certificate.as_ref().zip(tls.key.as_ref());
        let identity =
            identity.map(|(certificate, key)| ClientIdentity { certificate: certificate.clone(), key: key.clone() });
        made.tls = Some(kukaku_tls::client(&tls.ca, identity.as_ref()).map_err(|e| Failure::Written(e.to_string()))?);
    }
    if let (Some(user), Some(path)) = (&config.user, &config.password_file) {
        let password = std::fs::read_to_string(path).map_err(|e| {
            Failure::Written(format!("read the password of broker {}, {}: {e}", config.address, path.display()))
        })?;
        made.credentials = Some((user.clone(), password.trim_end_matches(['\r', '\n']).to_owned()));
    }
    Ok(made)
}

/// Numbers in [0, 1) from the system; without them all sites would knock together, which is
/// better than not knocking.
fn jitter() -> Jitter {
    Box::new(|| {
        secrets::random::<4>().map_or(0.0, |bytes| f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0))
    })
}

fn reporter(room: String, ledger: Arc<Ledger>) -> Reporter {
    Arc::new(move |event| match event {
        LinkEvent::BrokerConnected { session_present, .. } => {
            let kept = if session_present { "it had kept our session" } else { "it had kept no session for us" };
            tracing::info!("{room}: connected; {kept}");
            ledger.tell(&room, None);
        }
        LinkEvent::BrokerLost { why, retry_in, .. } => {
            tracing::warn!("{room}: {why}; tried again in {} s", retry_in.as_secs());
            ledger.tell(&room, Some(why));
        }
        other => tracing::info!("{room}: {other:?}"),
    })
}
