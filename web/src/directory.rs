//! What ids are called: the names in the registers, read again only after they changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kukaku_schema::registers::{Entry, OUTSIDE, Registers, Source};
use kukaku_schema::{Lang, SiteZone, UtcMicros};
use kukaku_store::StoreError;
use kukaku_store::query::{self, MASKED, Reader, Scope};

/// The names of a site.
#[derive(Debug)]
pub(crate) struct Directory {
    /// The registers themselves; none before any were recorded.
    pub registers: Option<Registers>,
    /// The zone in which times are shown.
    pub zone: SiteZone,
    persons: BTreeMap<String, String>,
    operators: Vec<(String, String)>,
    zones: BTreeMap<String, String>,
    /// Zone ids: each after the one it lies in, otherwise as registered.
    zone_order: Vec<String>,
    doors: BTreeMap<String, String>,
    clients: BTreeMap<String, String>,
    cameras: BTreeMap<String, String>,
    sources: BTreeMap<String, String>,
    companies: BTreeMap<String, String>,
    parents: BTreeMap<String, String>,
}

/// The newest entry of each id says what it is called.
fn names<T>(entries: &[Entry<T>], of: impl Fn(&T) -> (&str, Option<&str>)) -> BTreeMap<String, String> {
    let mut sorted: Vec<&Entry<T>> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.valid.start);
    sorted
        .into_iter()
        .map(|entry| {
            let (id, name) = of(&entry.row);
            (id.to_owned(), name.unwrap_or(id).to_owned())
        })
        .collect()
}

impl Directory {
    fn new(registers: Option<Registers>) -> Result<Self, StoreError> {
        let named = registers.as_ref().map_or("Asia/Tokyo", |r| r.site.time_zone.as_str());
        let zone =
            SiteZone::named(named).map_err(|e| StoreError::Corrupt { act: "read the site's time zone", detail: e })?;
        let mut out = Self {
            registers: None,
            zone,
            persons: BTreeMap::new(),
            operators: vec![],
            zones: BTreeMap::new(),
            zone_order: vec![],
            doors: BTreeMap::new(),
            clients: BTreeMap::new(),
            cameras: BTreeMap::new(),
            sources: BTreeMap::new(),
            companies: BTreeMap::new(),
            parents: BTreeMap::new(),
        };
        if let Some(r) = &registers {
            let operators = names(&r.operators, |o| (&o.id, Some(&o.name)));
            out.operators = operators.clone().into_iter().collect();
            out.persons = names(&r.persons, |p| (&p.id, Some(&p.name)));
            out.persons.extend(operators);
            out.zones = names(&r.zones, |z| (&z.id, Some(&z.name)));
            out.doors = names(&r.doors, |d| (&d.id, d.name.as_deref()));
            out.clients = names(&r.clients, |c| (&c.id, Some(&c.name)));
            out.cameras = names(&r.cameras, |c| (&c.id, c.name.as_deref()));
            out.sources = names(&r.sources, |s| (&s.id, s.name.as_deref()));
            out.companies = names(&r.companies, |c| (&c.id, Some(&c.name)));
            for zone in &r.zones {
                if let Some(parent) = &zone.row.parent {
                    out.parents.insert(zone.row.id.clone(), parent.clone());
                }
            }
        }
        out.zone_order = out.order_zones(registers.as_ref());
        out.registers = registers;
        Ok(out)
    }

    fn order_zones(&self, registers: Option<&Registers>) -> Vec<String> {
        let mut left: Vec<&str> = vec![];
        for entry in registers.map_or(&[][..], |r| r.zones.as_slice()) {
            if !left.contains(&entry.row.id.as_str()) {
                left.push(&entry.row.id);
            }
        }
        let mut out: Vec<String> = vec![];
        while !left.is_empty() {
            let stands =
                |id: &&str| self.parents.get(*id).is_none_or(|p| out.contains(p) || !left.contains(&p.as_str()));
            // A ring that a bad register made has no outermost zone: any of it then.
            let next = left.remove(left.iter().position(stands).unwrap_or(0));
            let parent = self.parents.get(next);
            let at = parent.and_then(|p| out.iter().rposition(|id| id == p || self.lies_in(id, p)));
            out.insert(at.map_or(out.len(), |at| at + 1), next.to_owned());
        }
        out
    }

    /// The site's name.
    pub fn site(&self) -> &str {
        self.registers.as_ref().map_or("kukaku", |r| &r.site.name)
    }

    /// What a person is called; the id where he is not registered.
    pub fn person(&self, id: &str) -> String {
        called(&self.persons, id)
    }

    /// The same where it may be somebody of another client.
    pub fn person_or_masked(&self, id: &str, lang: Lang) -> String {
        if id == MASKED { masked(lang).to_owned() } else { self.person(id) }
    }

    /// What a zone is called.
    pub fn zone_name(&self, id: &str, lang: Lang) -> String {
        if id == OUTSIDE { lang.pick("区画外", "Outside").to_owned() } else { called(&self.zones, id) }
    }

    /// What a door is called.
    pub fn door(&self, id: &str) -> String {
        called(&self.doors, id)
    }

    /// What a client is called.
    pub fn client(&self, id: &str) -> String {
        called(&self.clients, id)
    }

    /// What a camera is called.
    pub fn camera(&self, id: &str) -> String {
        called(&self.cameras, id)
    }

    /// What a source is called.
    pub fn source(&self, id: &str) -> String {
        called(&self.sources, id)
    }

    /// What a company is called.
    pub fn company(&self, id: &str) -> String {
        called(&self.companies, id)
    }

    /// What something a finding names is called.
    pub fn subject(&self, sort: &str, value: &str, lang: Lang) -> String {
        match sort {
            _ if value == MASKED => masked(lang).to_owned(),
            "person" => self.person(value),
            "zone" => self.zone_name(value, lang),
            "door" => self.door(value),
            "client" => self.client(value),
            "camera" => self.camera(value),
            "source" => self.source(value),
            "cause" => kukaku_core::OutageCause::from_word(value)
                .map_or_else(|| value.to_owned(), |cause| cause.label(lang).to_owned()),
            _ => value.to_owned(),
        }
    }

    /// Zones with their names, each after the one it lies in.
    pub fn zones(&self) -> impl Iterator<Item = (&str, &str)> {
        self.zone_order.iter().filter_map(|id| Some((id.as_str(), self.zones.get(id)?.as_str())))
    }

    /// Doors, by id, with their names.
    pub fn doors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.doors.iter().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    /// Clients, by id, with their names.
    pub fn clients(&self) -> impl Iterator<Item = (&str, &str)> {
        self.clients.iter().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    /// Sources, by id, with their names.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.iter().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    /// Operators, by id, with their names.
    pub fn operators(&self) -> impl Iterator<Item = (&str, &str)> {
        self.operators.iter().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    /// Operators and other persons, by id, with their names.
    pub fn persons(&self) -> impl Iterator<Item = (&str, &str)> {
        self.persons.iter().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    /// The persons that a typed text means: by id, or by a part of the name.
    pub fn persons_meant(&self, typed: &str) -> Vec<String> {
        if self.persons.contains_key(typed) {
            return vec![typed.to_owned()];
        }
        let squeezed =
            |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase() };
        let typed = squeezed(typed);
        let hits =
            self.persons.iter().filter(|(id, name)| squeezed(name).contains(&typed) || squeezed(id).contains(&typed));
        hits.map(|(id, _)| id.clone()).collect()
    }

    /// Whether `inner` lies in `outer`, at any depth.
    pub fn lies_in(&self, inner: &str, outer: &str) -> bool {
        let mut at = inner;
        // A forest can't be deeper than it has zones; more is a ring that a bad register made.
        for _ in 0..=self.parents.len() {
            match self.parents.get(at) {
                Some(parent) if parent == outer => return true,
                Some(parent) => at = parent,
                None => return false,
            }
        }
        false
    }

    /// The zone that a zone lies in.
    pub fn parent(&self, zone: &str) -> Option<&str> {
        self.parents.get(zone).map(String::as_str)
    }

    /// The doors of a zone at an instant.
    pub fn doors_of(&self, zone: &str, at: UtcMicros) -> Vec<String> {
        let Some(r) = &self.registers else { return vec![] };
        let hits = r.doors.iter().filter(|d| d.valid.contains(at) && (d.row.inner == zone || d.row.outer == zone));
        hits.map(|d| d.row.id.clone()).collect()
    }

    /// The cameras on a zone at an instant.
    pub fn cameras_of(&self, zone: &str, at: UtcMicros) -> Vec<String> {
        let Some(r) = &self.registers else { return vec![] };
        r.cameras.iter().filter(|c| c.valid.contains(at) && c.row.zone == zone).map(|c| c.row.id.clone()).collect()
    }

    /// How a source is registered at an instant.
    pub fn source_row(&self, id: &str, at: UtcMicros) -> Option<&Source> {
        let r = self.registers.as_ref()?;
        r.sources.iter().find(|s| s.row.id == id && s.valid.contains(at)).map(|s| &s.row)
    }
}

/// What stands for somebody or something of another client.
fn masked(lang: Lang) -> &'static str {
    lang.pick(MASKED, "(another contract)")
}

/// An id as it is, or what stands for one of another client.
pub(crate) fn or_masked(id: &str, lang: Lang) -> &str {
    if id == MASKED { masked(lang) } else { id }
}

fn called(names: &BTreeMap<String, String>, id: &str) -> String {
    names.get(id).map_or_else(|| id.to_owned(), Clone::clone)
}

/// Directories that are kept: one for each sort of eye that looks at once.
const KEPT_MAX: usize = 64;

/// The newest directory of each scope, read again when the registers have changed.
#[derive(Debug, Default)]
pub(crate) struct DirectoryCache(Mutex<BTreeMap<Scope, (i64, Arc<Directory>)>>);

impl DirectoryCache {
    /// The directory as `reader` sees the registers.
    pub fn get(&self, reader: &Reader) -> Result<Arc<Directory>, StoreError> {
        let version = reader.registers_version()?;
        {
            let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, directory)) = cached.get(reader.scope())
                && *at == version
            {
                return Ok(Arc::clone(directory));
            }
        }
        let fresh = Arc::new(Directory::new(query::registers(reader)?)?);
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= KEPT_MAX {
            cached.clear();
        }
        cached.insert(reader.scope().clone(), (version, Arc::clone(&fresh)));
        Ok(fresh)
    }
}
