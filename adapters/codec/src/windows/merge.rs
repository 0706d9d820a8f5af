//! Several logs of one host, brought into one order.

use super::event::WindowsEvent;
use super::evtx::EvtxItem;

/// Merges logs by the times of their events; each keeps its own order, which is that of its
/// record numbers. Of equal times the log that was given first comes first. A damage is given
/// out when its log is at it. Holds one item of each log.
pub struct InTimeOrder<I> {
    logs: Vec<Log<I>>,
}

struct Log<I> {
    rest: I,
    head: Option<Box<WindowsEvent>>,
    is_drained: bool,
}

impl<I: Iterator<Item = EvtxItem>> InTimeOrder<I> {
    /// Merges these logs.
    pub fn new(logs: impl IntoIterator<Item = I>) -> Self {
        Self { logs: logs.into_iter().map(|rest| Log { rest, head: None, is_drained: false }).collect() }
    }
}

impl<I: Iterator<Item = EvtxItem>> Iterator for InTimeOrder<I> {
    /// Which log, by its place among those that were given, and what it gave.
    type Item = (usize, EvtxItem);

    fn next(&mut self) -> Option<Self::Item> {
        for (place, log) in self.logs.iter_mut().enumerate().filter(|(_, log)| log.head.is_none() && !log.is_drained) {
            match log.rest.next() {
                Some(EvtxItem::Event(event)) => log.head = Some(event),
                Some(damaged) => return Some((place, damaged)),
                None => log.is_drained = true,
            }
        }
        let heads = self.logs.iter().enumerate().filter_map(|(place, log)| Some((log.head.as_ref()?.time, place)));
        let (_, place) = heads.min()?;
        let event = self.logs[place].head.take()?;
        Some((place, EvtxItem::Event(event)))
    }
}
