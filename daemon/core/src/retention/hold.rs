//! Holds (保全): what must not be erased whatever was agreed.

use kukaku_schema::{RecordClass, Span, UtcMicros};

/// A hold that was placed and not released. What it does not name it does not restrict; all that
/// it names must be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: String,
    /// Records of this client.
    pub client: Option<String>,
    /// Records of this time.
    pub period: Span,
    /// Records that name this person.
    pub person: Option<String>,
    /// Records of this camera.
    pub camera: Option<String>,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub placed_by: String,
    /// When it was recorded.
    pub placed_at: UtcMicros,
}

/// What a record is about, as far as holds ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// The entitled clients; none: the site's own.
    pub clients: &'a [&'a str],
    /// When it was recorded, and when it happened where that is told: one of them inside suffices.
    pub at: &'a [UtcMicros],
    /// The persons it names.
    pub persons: &'a [&'a str],
    /// The cameras it names.
    pub cameras: &'a [&'a str],
}

impl Hold {
    /// Whether the hold keeps a record. The site's own records are kept by the hold of any client:
    /// they tell whether anybody was watching.
    #[must_use]
    pub fn covers(&self, subject: &Subject<'_>) -> bool {
        self.concerns(subject.clients.iter().copied())
            && subject.at.iter().any(|at| self.period.contains(*at))
            && self.person.as_deref().is_none_or(|person| subject.persons.contains(&person))
            && self.camera.as_deref().is_none_or(|camera| subject.cameras.contains(&camera))
    }

    fn concerns<'a>(&self, mut clients: impl ExactSizeIterator<Item = &'a str>) -> bool {
        self.client.as_deref().is_none_or(|client| clients.len() == 0 || clients.any(|other| other == client))
    }

    /// Whether the hold keeps every record of that scope recorded on a day.
    #[must_use]
    pub fn covers_whole(&self, scope: &[String], day: Span) -> bool {
        self.person.is_none()
            && self.camera.is_none()
            && self.concerns(scope.iter().map(String::as_str))
            && self.period.intersect(day) == day
    }

    /// Whether the hold may keep some record of that class and scope recorded on a day: what
    /// happened in its time may have been recorded much later, but not before.
    #[must_use]
    pub fn may_cover(&self, class: RecordClass, scope: &[String], day: Span) -> bool {
        let of_cameras = matches!(class, RecordClass::Camera | RecordClass::Footage);
        self.period.start < day.end
            && self.concerns(scope.iter().map(String::as_str))
            && (self.camera.is_none() || of_cameras || class == RecordClass::Finding)
    }
}
