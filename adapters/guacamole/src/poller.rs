//! One round of questions, and what is new in the answers.

use kukaku_codec::guacamole::{HISTORY_MAX, History, Item, Polled, Record, read_active, read_history};
use kukaku_schema::intake::ArrivalBody;
use kukaku_schema::observation::SourceGap;
use kukaku_schema::{DurationUs, Name, Observation, Span, UtcMicros};

use crate::client::{Client, Trouble};
use crate::config::GuacamoleConfig;

/// How far back the history is read once more after a restart: whatever an answer told late is in it.
const OVERLAP: DurationUs = DurationUs::from_secs(24 * 3_600);

/// Most days that are asked for one by one when more came than an answer holds.
const DAYS_MAX: i64 = 62;

const DAY: DurationUs = DurationUs::from_secs(24 * 3_600);

/// What a round brought. Not remembered before [`Poller::keep`].
pub struct Turn {
    /// What is new, in the order of time.
    pub bodies: Vec<ArrivalBody>,
    /// Records that started within this span, by our clock, can't be had: too many in one day, or too
    /// many days. `bodies` say it as a gap.
    pub lost: Option<Span>,
    history: History,
}

/// Asks one Guacamole.
pub struct Poller {
    source: Name,
    client: Client,
    history: History,
}

impl Poller {
    /// Reads the files that the configuration names. `heard` is when this source was first and last
    /// heard, by our clock; none: never, and its history begins `now`.
    ///
    /// # Errors
    /// Which key or file can't be used, and why.
    pub fn open(
        config: &GuacamoleConfig,
        heard: Option<(UtcMicros, UtcMicros)>,
        now: UtcMicros,
    ) -> Result<Self, String> {
        config.check().map_err(|e| e.to_string())?;
        let since = heard.map_or(now, |(first, last)| last.minus(OVERLAP).max(first));
        let source = config.source.clone();
        Ok(Self { client: Client::open(config)?, history: History::new(source.clone(), since), source })
    }

    /// Asks once. `now` is our clock. Blocks for as long as Guacamole takes.
    ///
    /// # Errors
    /// Why nothing came of it. Nothing is remembered of it then.
    pub fn ask(&mut self, now: UtcMicros) -> Result<Turn, Trouble> {
        let mut polled = Polled::default();
        let page = self.page(&[("order", "-startDate")], &mut polled, Some(now))?;
        let reaches = self.history.reaches(polled.clock_off);
        let mut lost = None;
        let oldest = oldest_of(&polled.items);
        if page == HISTORY_MAX && oldest.is_some_and(|oldest| oldest > reaches) {
            lost = self.days_between(reaches, oldest.unwrap_or(reaches), &mut polled)?;
        }
        // A long session may be older than the thousand newest: its end is asked for by its user.
        if let Some(oldest) = oldest.filter(|_| page == HISTORY_MAX) {
            for user in self.history.open_before(oldest) {
                self.page(&[("contains", &user), ("order", "-startDate")], &mut polled, None)?;
            }
        }
        let active = self.client.ask("activeConnections", &[])?;
        polled.active = read_active(&active.bytes).map_err(Trouble)?;
        let mut history = self.history.clone();
        let mut bodies = history.take(&polled, now);
        // By our clock: what is shown beside it are our own outages.
        let lost = lost.map(|span| Span::new(span.start.minus(polled.clock_off), span.end.minus(polled.clock_off)));
        bodies.extend(lost.map(|span| self.gap(span)));
        Ok(Turn { bodies, lost, history })
    }

    fn gap(&self, span: Span) -> ArrivalBody {
        ArrivalBody::Observation(Box::new(Observation::SourceGap(SourceGap {
            source: Name::new("kukaku").expect("it is a name"),
            epoch: None,
            seq: None,
            event_id: None,
            of: self.source.clone(),
            from: span.start,
            to: span.end,
            lost: None,
            place: Name::new("history").expect("it is a name"),
        })))
    }

    /// All of a round is durable: the next one begins from here.
    pub fn keep(&mut self, turn: Turn) {
        self.history = turn.history;
    }

    /// Gives the token back.
    pub fn sign_out(&mut self) {
        self.client.sign_out();
    }

    /// Asks for one page; how many records it holds. `now`: measure Guacamole's clock by it.
    fn page(&mut self, query: &[(&str, &str)], polled: &mut Polled, now: Option<UtcMicros>) -> Result<usize, Trouble> {
        let answer = self.client.ask("history/connections", query)?;
        if let (Some(date), Some(now)) = (answer.date, now) {
            polled.clock_off = date.since(now);
        }
        let items = read_history(&answer.bytes).map_err(Trouble)?;
        let count = items.len();
        polled.items.extend(items);
        Ok(count)
    }

    /// Asks for the days from `from` to `to` one by one, newest first; what can't be had of them.
    fn days_between(&mut self, from: UtcMicros, to: UtcMicros, polled: &mut Polled) -> Result<Option<Span>, Trouble> {
        let mut lost: Option<Span> = None;
        let mut miss = |span: Span| {
            lost = Some(lost.map_or(span, |all| Span::new(all.start.min(span.start), all.end.max(span.end))));
        };
        // A day more at each end: the days are those of Guacamole's own zone.
        let (first, mut day) = (from.minus(DAY), to.plus(DAY));
        for _ in 0..DAYS_MAX {
            if day < first {
                return Ok(lost);
            }
            let text = day.to_rfc3339_utc()[..10].to_owned();
            let begin = polled.items.len();
            if self.page(&[("contains", &text), ("order", "-startDate")], polled, None)? == HISTORY_MAX {
                let newest_half = oldest_of(&polled.items[begin..]);
                let middle = polled.items.len();
                self.page(&[("contains", &text), ("order", "startDate")], polled, None)?;
                let oldest_half = newest_of(&polled.items[middle..]);
                if let (Some(after), Some(before)) = (oldest_half, newest_half)
                    && after < before
                {
                    miss(Span::new(after, before));
                }
            }
            day = day.minus(DAY);
        }
        if day >= first {
            miss(Span::new(from, day.plus(DAY)));
        }
        Ok(lost)
    }
}

fn starts(items: &[Item]) -> impl Iterator<Item = UtcMicros> {
    items.iter().filter_map(|item| item.as_ref().ok().map(|record: &Record| record.start))
}

fn oldest_of(items: &[Item]) -> Option<UtcMicros> {
    starts(items).min()
}

fn newest_of(items: &[Item]) -> Option<UtcMicros> {
    starts(items).max()
}
