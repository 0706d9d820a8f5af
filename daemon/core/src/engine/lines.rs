//! What the city's own record of its line touches, and what touches it.

use kukaku_schema::Span;

use super::settle::overlapping;
use super::{Engine, Owner, Task};
use crate::effect::{Cause, Effect, SessionView};
use crate::names::Word;

impl Engine {
    /// Marks the sessions of a client that a stretch of its record may speak of.
    pub(super) fn mark_sessions_on_line(&mut self, client: Word, span: Span) {
        let reach = self.world.model.longest_order_grace;
        let span = Span::new(span.start.minus(reach), span.end.plus(reach));
        self.dirty.sessions.extend(overlapping(&self.by_client, client, span, self.longest_session));
    }

    /// Marks the unlocks that a session may explain.
    pub(super) fn mark_lines_of(&mut self, view: &SessionView) {
        let Some((client, line)) = view.client.and_then(|c| Some((c, self.world.memory.lines.get(&c)?))) else {
            return;
        };
        let reach = self.world.model.longest_order_grace;
        let first = view.key.start.minus(line.longest).minus(reach);
        let near = line.unlocks.range(first..=view.end_at().plus(reach)).map(|(from, _)| (client, *from));
        self.dirty.lines.extend(near);
    }

    pub(super) fn settle_lines(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        for (client, from) in std::mem::take(&mut self.dirty.lines) {
            let near = |span: Span| -> Vec<SessionView> {
                let keys = overlapping(&self.by_client, client, span, self.longest_session);
                keys.iter().filter_map(|key| self.sessions.get(key)).map(|kept| kept.view.clone()).collect()
            };
            let (findings, wake) = self.world.court().unseen(client, from, near);
            self.set_wake(Task::Line(client, from), wake);
            self.own(Owner::Line(client, from), findings, cause, effects);
        }
    }
}
