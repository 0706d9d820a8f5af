//! Which data key a value of a batch is sealed with.

use std::collections::HashMap;
use std::path::Path;

use aes_gcm::Aes256Gcm;
use kukaku_core::{Names, Word};
use kukaku_schema::{SiteZone, UtcMicros};

use crate::batch::Committing;
use crate::error::StoreError;
use crate::values::{KeyMeta, KeyOwner, RecordClass, seal};

/// The key store, and the keys of the present day by word: a look-up a value.
#[derive(Debug)]
pub(crate) struct Sealing {
    pub(crate) owner: KeyOwner,
    zone: SiteZone,
    /// The day that `ready` is for: its first instant and the one after it, and its number.
    day: (UtcMicros, UtcMicros, i32),
    ready: HashMap<RecordClass, HashMap<Vec<Word>, Ready>>,
    out: Vec<u8>,
}

struct Ready {
    id: u64,
    cipher: Aes256Gcm,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Sealing {
    /// Opens the key store of the store in file `path`, whose days begin in `zone`; `holding`: the
    /// journal has entries.
    pub(crate) fn open(path: &Path, holding: bool, zone: SiteZone) -> Result<Self, StoreError> {
        let owner = KeyOwner::open(path, holding)?;
        let day = (UtcMicros::MIN, UtcMicros::MIN, 0);
        Ok(Self { owner, zone, day, ready: HashMap::new(), out: Vec::new() })
    }

    /// The site moved, or its registers came.
    pub(crate) fn set_zone(&mut self, zone: SiteZone) {
        self.zone = zone;
        self.forget();
    }

    /// The zone of the site's days.
    pub(crate) fn zone(&self) -> &SiteZone {
        &self.zone
    }

    /// The first instant of the day `first`, and the first after the day `last`.
    pub(crate) fn span_of_days(&self, first: i32, last: i32) -> (UtcMicros, UtcMicros) {
        // Noon of the day, wherever the site lies, is within it.
        let start = |day: i32| {
            let noon = i64::from(day) * 86_400_000_000 + 43_200_000_000;
            let offset = i64::from(self.zone.offset_s(UtcMicros(noon))) * 1_000_000;
            self.zone.start_of_day(UtcMicros(noon - offset))
        };
        (start(first), start(last.saturating_add(1)))
    }

    /// Forgets which keys were in use: some were destroyed.
    pub(crate) fn forget(&mut self) {
        self.day = (UtcMicros::MIN, UtcMicros::MIN, 0);
        self.ready.clear();
    }

    /// Seals salt and body of an entry; returns the key's number and the sealed bytes.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn seal(
        &mut self,
        class: RecordClass,
        entitled: &[Word],
        names: &Names,
        recorded_at: UtcMicros,
        seq: u64,
        committing: &Committing<'_>,
        body: &[u8],
    ) -> Result<(u64, &[u8]), StoreError> {
        if recorded_at < self.day.0 || recorded_at >= self.day.1 {
            let start = self.zone.start_of_day(recorded_at);
            let next = self.zone.start_of_day(UtcMicros(start.0.saturating_add(36 * 3_600_000_000)));
            self.day = (start, next, day_number(&self.zone, start));
            self.ready.clear();
        }
        let of_class = self.ready.entry(class).or_default();
        if !of_class.contains_key(entitled) {
            let mut scope: Vec<String> = entitled.iter().map(|&client| names.text(client).to_owned()).collect();
            scope.retain(|client| !client.is_empty());
            let (id, cipher) = self.owner.key(&KeyMeta { class, day: self.day.2, scope })?;
            of_class.insert(entitled.to_vec(), Ready { id, cipher: cipher.clone() });
        }
        let ready = of_class.get(entitled).expect("it was there, or was just put there");
        seal(&ready.cipher, seq, committing.commitment.as_bytes(), committing.salt, body, &mut self.out)?;
        Ok((ready.id, &self.out))
    }
}

/// A local day in days since 1970-01-01.
pub(crate) fn day_number(zone: &SiteZone, at: UtcMicros) -> i32 {
    let local = at.0.saturating_add(i64::from(zone.offset_s(at)) * 1_000_000);
    i32::try_from(local.div_euclid(86_400_000_000)).unwrap_or(i32::MAX)
}
