//! The rows of what the maintenance contract demands beside doors and sessions: companies and
//! those who work under them, pledges, trainings, permits.

use serde::{Deserialize, Serialize};

use crate::period::Day;

/// A company that does part of the work: the site's own, or one it re-entrusts (再委託).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Who stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representative: Option<String>,
    /// How it is reached: a name, telephone or mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Who answers for its information security.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_officer: Option<String>,
    /// Who answers for the personal data it handles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_officer: Option<String>,
    /// The company that entrusts the work to it; none for the one that has the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcontracted_by: Option<String>,
    /// The clients on whose systems it works.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<String>,
    /// What it is entrusted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrusted: Option<String>,
}

/// A pledge (誓約書) that an operator gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pledge {
    /// Its id.
    pub id: String,
    /// Who gave it.
    pub operator: String,
    /// To whom; to all clients where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The day on which it was given: it counts from its 00:00.
    pub date: Day,
    /// The last day on which it counts; always where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// The paper: its number, or where it lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// A training that an operator went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Its id.
    pub id: String,
    /// Who was trained.
    pub operator: String,
    /// In what.
    pub topic: String,
    /// The day of the training: it counts from its 00:00.
    pub date: Day,
    /// The last day on which it counts; always where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// The paper: its number, or where it lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// A client's permit (許可・承諾) for a zone or a company, or an operator's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    /// Its id.
    pub id: String,
    /// The zone that it permits to be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The operator whose certificate it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The company that may be entrusted with work (再委託の承諾).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// For which client; for all where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The number under which it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The day on which it was given: it counts from its 00:00.
    pub date: Day,
    /// The last day on which it counts; always where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
}

/// A row that counts from a day, and to the end of another one.
pub(super) trait Dated {
    fn days(&self) -> (Day, Option<Day>);
}

macro_rules! dated {
    ($($row:ty),*) => {
        $(impl Dated for $row {
            fn days(&self) -> (Day, Option<Day>) {
                (self.date, self.until)
            }
        })*
    };
}
dated!(Pledge, Training, Permit);
