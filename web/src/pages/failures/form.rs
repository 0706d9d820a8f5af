//! The form of a failure report: what it shows, and what was typed into it.

use kukaku_schema::failure::FailureForm;
use kukaku_schema::observation::{FailureReported, Name, Remark};
use kukaku_schema::{FailureSort, FailureStage, Lang, UtcMicros};

use super::super::View;
use super::super::order_form::{chosen_operators, instant, maybe_remark, named, names, remark, ticked};
use super::super::orders::{Choice, operators};
use crate::http::guard::Fields;
use crate::text::clean;

/// The form as it is shown.
#[derive(Default)]
pub(super) struct Form {
    /// It is unfolded.
    pub open: bool,
    /// A later report on a failure that is known: its number and client stay.
    pub again: bool,
    pub id: String,
    pub client: String,
    pub clients: Vec<Choice>,
    pub stages: Vec<Choice>,
    pub sorts: Vec<Choice>,
    pub occurred_at: String,
    pub detected_at: String,
    pub recovered_at: String,
    pub systems: String,
    pub symptom: String,
    pub impact: String,
    pub cause: String,
    pub measures: String,
    pub prevention: String,
    pub operators: Vec<Choice>,
    pub order: String,
    pub session: String,
    pub reported_by: String,
}

impl Form {
    /// As it was typed.
    pub fn typed(fields: &Fields, view: &View) -> Self {
        let get = |name: &str| clean(fields.get(name));
        let long = |name: &str| fields.get(name).to_owned();
        Self {
            id: get("id"),
            client: get("client"),
            clients: clients(view, fields.get("client")),
            stages: stages(view.lang, FailureStage::from_word(fields.get("stage"))),
            sorts: sorts(view.lang, FailureSort::from_word(fields.get("sort"))),
            occurred_at: get("occurred_at"),
            detected_at: get("detected_at"),
            recovered_at: get("recovered_at"),
            systems: get("systems"),
            symptom: long("symptom"),
            impact: long("impact"),
            cause: long("cause"),
            measures: long("measures"),
            prevention: long("prevention"),
            operators: operators(view, |id| ticked(fields, id)),
            order: get("order"),
            session: get("session"),
            reported_by: get("reported_by"),
            ..Self::default()
        }
    }

    /// A new one, with what the link that led here says.
    pub fn asked(asked: &[(&str, &str)], view: &View) -> Self {
        let get = |name: &str| asked.iter().find(|(of, _)| *of == name).map_or("", |(_, value)| value);
        Self {
            clients: clients(view, get("client")),
            stages: stages(view.lang, None),
            sorts: sorts(view.lang, Some(FailureSort::Failure)),
            operators: operators(view, |_| false),
            order: clean(get("order")),
            session: clean(get("session")),
            ..Self::default()
        }
    }

    /// A later one: all that the newest says, to be added to.
    pub fn after(newest: &FailureReported, view: &View) -> Self {
        let at = |at: Option<UtcMicros>| at.map_or_else(String::new, |at| view.dir.zone.shown(at).replace(' ', "T"));
        let text = |text: &Option<Remark>| text.as_ref().map_or_else(String::new, |text| text.as_str().to_owned());
        let name = |name: &Option<Name>| name.as_ref().map_or_else(String::new, |name| clean(name.as_str()));
        let systems: Vec<String> = newest.systems.iter().map(|system| clean(system.as_str())).collect();
        Self {
            id: clean(newest.failure.as_str()),
            client: clean(newest.client.as_str()),
            stages: stages(view.lang, Some(newest.stage)),
            sorts: sorts(view.lang, Some(newest.sort)),
            occurred_at: at(newest.occurred_at),
            detected_at: at(Some(newest.detected_at)),
            recovered_at: at(newest.recovered_at),
            systems: systems.join(", "),
            symptom: newest.symptom.as_str().to_owned(),
            impact: text(&newest.impact),
            cause: text(&newest.cause),
            measures: text(&newest.measures),
            prevention: text(&newest.prevention),
            operators: operators(view, |id| newest.operators.iter().any(|one| one.as_str() == id)),
            order: name(&newest.order),
            session: name(&newest.session),
            reported_by: clean(newest.reported_by.as_str()),
            ..Self::default()
        }
    }

    /// Without the stages that lie behind.
    pub fn not_before(mut self, newest: FailureStage) -> Self {
        let ahead = FailureStage::ALL.iter().filter(|stage| **stage >= newest);
        let ahead: Vec<&str> = ahead.map(|stage| stage.word()).collect();
        self.stages.retain(|stage| ahead.contains(&stage.id.as_str()));
        self
    }
}

fn clients(view: &View, chosen: &str) -> Vec<Choice> {
    let choice = |(id, name): (&str, &str)| Choice { id: id.to_owned(), name: clean(name), chosen: id == chosen };
    view.dir.clients().map(choice).collect()
}

fn stages(lang: Lang, chosen: Option<FailureStage>) -> Vec<Choice> {
    let choice = |stage: &FailureStage| Choice {
        id: stage.word().to_owned(),
        name: stage.label(lang).to_owned(),
        chosen: Some(*stage) == chosen,
    };
    FailureStage::ALL.iter().map(choice).collect()
}

fn sorts(lang: Lang, chosen: Option<FailureSort>) -> Vec<Choice> {
    let choice = |sort: &FailureSort| Choice {
        id: sort.word().to_owned(),
        name: sort.label(lang).to_owned(),
        chosen: Some(*sort) == chosen,
    };
    FailureSort::ALL.iter().map(choice).collect()
}

/// Reads what was typed.
///
/// # Errors
/// A sentence for each field that is wrong.
pub(super) fn read(fields: &Fields, view: &View) -> Result<FailureForm, Vec<String>> {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let mut errors = Vec::new();
    let e = &mut errors;
    let maybe_at = |name: &str| match fields.get(name) {
        "" => Ok(None),
        text => instant(text, zone).map(Some),
    };
    let maybe_name = |name: &str| match fields.get(name).trim() {
        "" => Ok(None),
        text => Name::new(text).map(Some),
    };
    let word = |name: &str| format!("{:?} is no choice", fields.get(name));
    let stage = FailureStage::from_word(fields.get("stage")).ok_or_else(|| word("stage"));
    let sort = FailureSort::from_word(fields.get("sort")).ok_or_else(|| word("sort"));
    let id = named("id", ("報告番号", "Number"), lang, Name::new(fields.get("id").trim()), e);
    let client = named("client", ("契約先", "Client"), lang, Name::new(fields.get("client")), e);
    let stage = named("stage", ("報告の段階", "Stage"), lang, stage, e);
    let sort = named("sort", ("種別", "Sort"), lang, sort, e);
    let occurred_at = named("occurred_at", ("発生日時", "Occurred"), lang, maybe_at("occurred_at"), e);
    let detected_at = named("detected_at", ("検知日時", "Noticed"), lang, instant(fields.get("detected_at"), zone), e);
    let recovered_at = named("recovered_at", ("復旧日時", "Recovered"), lang, maybe_at("recovered_at"), e);
    let systems = named("systems", ("対象システム", "Systems"), lang, names(fields.get("systems")), e);
    let symptom = named("symptom", ("症状", "Symptom"), lang, remark(fields.get("symptom")), e);
    let impact = named("impact", ("影響", "Impact"), lang, maybe_remark(fields.get("impact")), e);
    let cause = named("cause", ("原因", "Cause"), lang, maybe_remark(fields.get("cause")), e);
    let measures = named("measures", ("処置", "Measures"), lang, maybe_remark(fields.get("measures")), e);
    let prevention = named("prevention", ("再発防止策", "Prevention"), lang, maybe_remark(fields.get("prevention")), e);
    let order = named("order", ("申請番号", "Work order"), lang, maybe_name("order"), e);
    let session = named("session", ("セッション", "Session"), lang, maybe_name("session"), e);
    let reported_by =
        named("reported_by", ("報告者", "Reported by"), lang, Name::new(fields.get("reported_by").trim()), e);
    let form = (|| {
        Some(FailureForm {
            id: id?,
            client: client?,
            stage: stage?,
            sort: sort?,
            occurred_at: occurred_at?,
            detected_at: detected_at?,
            recovered_at: recovered_at?,
            systems: systems?,
            symptom: symptom?,
            impact: impact?,
            cause: cause?,
            measures: measures?,
            prevention: prevention?,
            operators: chosen_operators(fields, view),
            order: order?,
            session: session?,
            reported_by: reported_by?,
        })
    })();
    form.ok_or_else(|| errors.into_iter().map(|wrong| wrong.text).collect())
}
