//! One connection to the broker: reading, handing on, acknowledging.
//!
//! Three parts in one task: the driver turns the library's wheel, the taker hands messages to the
//! writer, the acknowledger follows their receipts in order. A connection has its own client
//! object, so an acknowledgement never strays into the next connection, where its number would
//! name another message.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use kukaku_codec::mqtt::LARGE_MAX_BYTES;
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake, NotKept, Receipt};
use rumqttc::{
    AckMode, AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, Publish, QoS, StateError, SubAck,
    SubscribeReasonCode, TlsConfiguration, Transport,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::ClientConfig;
use crate::arrival;
use crate::event::{Counters, LinkEvent, Reporter};

/// Longest message read, in bytes: as long as the listener's.
pub(super) const MESSAGE_MAX_BYTES: usize = LARGE_MAX_BYTES;

/// Longest message that MQTT knows, in bytes (section 2.2.3).
pub(super) const PROTOCOL_MAX_BYTES: usize = 268_435_455;

/// Messages that wait for the writer or for their commit, each: more of them stop the reading.
const IN_FLIGHT_MAX: usize = 256;

/// How long messages that were handed on may take to their acknowledgement when stopping.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long a goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// How a connection ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// It had worked: the next attempt comes soon.
    pub(super) was_subscribed: bool,
    /// A message was longer than was allowed.
    pub(super) is_too_long: bool,
    /// Why, for the log; none when it was told to stop.
    pub(super) why: Option<String>,
}

/// A message on its way to its commit.
struct Waiting {
    receipt: Receipt,
    publish: Publish,
}

pub(super) async fn run<I: Intake>(
    config: Arc<ClientConfig>,
    message_max: usize,
    intake: I,
    report: Reporter,
    counters: Arc<Counters>,
    mut stop: watch::Receiver<bool>,
) -> Ended {
    let (client, event_loop) = match connectable(&config, message_max) {
        Ok(pair) => pair,
        Err(error) => {
            return Ended { was_subscribed: false, is_too_long: false, why: Some(error) };
        }
    };
    let (messages, to_take) = mpsc::channel(IN_FLIGHT_MAX);
    let (waiting, to_acknowledge) = mpsc::channel(IN_FLIGHT_MAX);
    let mut driver =
        Driver { config: &config, report: &report, counters: &counters, was_subscribed: false, is_too_long: false };
    let why = {
        let mut driving = pin!(driver.run(event_loop, client.clone(), messages));
        let mut acknowledging = pin!(acknowledge(&client, to_acknowledge, &counters));
        let ended = {
            let mut taking = pin!(take(&config, &intake, to_take, waiting, &counters));
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => None,
                why = &mut driving => Some(why),
                why = &mut acknowledging => Some(why.unwrap_or_else(closed)),
                why = &mut taking => Some(why.unwrap_or_else(closed)),
            }
            // The taker is dropped here: what it had not handed on stays with the broker.
        };
        if ended.is_none() {
            let deadline = Instant::now() + DRAIN_MAX;
            tokio::select! {
                _ = &mut acknowledging => {}
                _ = &mut driving => {}
                () = sleep_until(deadline) => {}
            }
            // In its turn, after the acknowledgements. Failing means that the line is gone already.
            let _ = client.disconnect_with_timeout(GOODBYE_MAX).await;
            let _ = timeout(GOODBYE_MAX, driving).await;
        }
        ended
    };
    Ended { was_subscribed: driver.was_subscribed, is_too_long: driver.is_too_long, why }
}

fn closed() -> String {
    "the connection closed".to_owned()
}

fn connectable(config: &ClientConfig, message_max: usize) -> Result<(AsyncClient, EventLoop), String> {
    let mut options = MqttOptions::new(&config.client_id, (config.host.as_str(), config.port));
    options
        .try_set_clean_session(false)
        .map_err(|e| e.to_string())?
        .set_keep_alive(config.keep_alive_s)
        .set_ack_mode(AckMode::Manual)
        .set_max_packet_size(message_max, MESSAGE_MAX_BYTES)
        .set_max_request_batch(IN_FLIGHT_MAX);
    if let Some((user, password)) = &config.credentials {
        options.set_credentials(user, password.clone().into_bytes());
    }
    if let Some(tls) = &config.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(tls))));
    }
    let built = AsyncClient::builder(options).capacity(IN_FLIGHT_MAX).try_build();
    let (client, mut event_loop) = built.map_err(|e| e.to_string())?;
    // Without it an acknowledgement waits for that of the one before, 40 ms.
    event_loop.network_options.set_tcp_nodelay(true);
    Ok((client, event_loop))
}

/// Turns the library's wheel.
struct Driver<'a> {
    config: &'a ClientConfig,
    report: &'a Reporter,
    counters: &'a Counters,
    was_subscribed: bool,
    is_too_long: bool,
}

impl Driver<'_> {
    /// Runs until the connection is lost; says why.
    async fn run(&mut self, mut event_loop: EventLoop, client: AsyncClient, messages: mpsc::Sender<Publish>) -> String {
        let silence_max = Duration::from_millis(u64::from(self.config.keep_alive_s) * 1500);
        let mut heard = Instant::now();
        loop {
            // The library notices a dead line after two keep-alives; we promise one and a half.
            let Ok(polled) = timeout_at(heard + silence_max, event_loop.poll()).await else {
                return format!("nothing heard from the broker for {silence_max:?}");
            };
            let incoming = match polled {
                Ok(Event::Incoming(incoming)) => incoming,
                Ok(Event::Outgoing(_)) => continue,
                Err(error) => return self.lost(&error),
            };
            let outcome = match incoming {
                Packet::ConnAck(ack) => self.connected(&client, ack.session_present).await,
                Packet::SubAck(ack) => self.subscribed(&ack),
                Packet::Publish(publish) => {
                    // An error means that we stop: the broker keeps what isn't acknowledged.
                    let _ = messages.send(publish).await;
                    Ok(())
                }
                _ => Ok(()),
            };
            if let Err(why) = outcome {
                return why;
            }
            heard = Instant::now();
        }
    }

    async fn connected(&self, client: &AsyncClient, session_present: bool) -> Result<(), String> {
        Counters::add(&self.counters.connections);
        (self.report)(LinkEvent::BrokerConnected { broker: self.config.broker(), session_present });
        // Also into a session that is there: it may be from another filter, or from another client.
        let filter = self.config.topic_filter.clone();
        client.subscribe(filter, QoS::AtLeastOnce).await.map_err(|e| format!("subscribe: {e}"))
    }

    fn subscribed(&mut self, ack: &SubAck) -> Result<(), String> {
        let filter = &self.config.topic_filter;
        match ack.return_codes.first() {
            Some(SubscribeReasonCode::Success(QoS::AtMostOnce)) => {
                Err(format!("the broker grants {filter} at QoS 0 only: messages could be lost unseen"))
            }
            Some(SubscribeReasonCode::Success(_)) => {
                self.was_subscribed = true;
                Ok(())
            }
            _ => Err(format!("the broker refuses the subscription to {filter}: allow it to user and client id")),
        }
    }

    fn lost(&mut self, error: &ConnectionError) -> String {
        if let ConnectionError::MqttState(StateError::Deserialization(rumqttc::Error::PayloadSizeLimitExceeded(
            bytes,
        ))) = error
        {
            self.is_too_long = true;
            return format!(
                "a message of {bytes} bytes, {MESSAGE_MAX_BYTES} are expected at most: limit them at the broker"
            );
        }
        error.to_string()
    }
}

/// Hands messages to the writer, until one isn't taken.
async fn take<I: Intake>(
    config: &ClientConfig,
    intake: &I,
    mut messages: mpsc::Receiver<Publish>,
    waiting: mpsc::Sender<Waiting>,
    counters: &Counters,
) -> Option<String> {
    while let Some(publish) = messages.recv().await {
        Counters::add(&counters.publishes);
        if publish.qos == QoS::AtMostOnce {
            Counters::add(&counters.without_acknowledgement);
        }
        let topic = String::from_utf8_lossy(&publish.topic);
        let judged = match config.source.find(&topic) {
            Some(source) => arrival::judge(source, &publish.payload),
            None => arrival::outside_the_tree(&topic, &publish.payload),
        };
        if matches!(judged.body, ArrivalBody::Unreadable(_)) {
            Counters::add(&counters.unreadable);
        }
        let arrival = Arrival { link: config.link.clone(), body: judged.body };
        match intake.submit(arrival).await {
            Ok(receipt) => waiting.send(Waiting { receipt, publish }).await.ok()?,
            Err(not_kept) => return Some(refused(counters, &not_kept)),
        }
    }
    None
}

/// Acknowledges what is kept, in order, until something isn't.
async fn acknowledge(
    client: &AsyncClient,
    mut waiting: mpsc::Receiver<Waiting>,
    counters: &Counters,
) -> Option<String> {
    while let Some(Waiting { receipt, publish }) = waiting.recv().await {
        // If the power fails before the acknowledgement is out, the message comes again and is known.
        if let Err(not_kept) = receipt.await {
            return Some(refused(counters, &not_kept));
        }
        if publish.qos != QoS::AtMostOnce {
            client.ack(&publish).await.ok()?;
            Counters::add(&counters.acknowledged);
        }
    }
    None
}

fn refused(counters: &Counters, not_kept: &NotKept) -> String {
    Counters::add(&counters.not_kept);
    not_kept.to_string()
}
