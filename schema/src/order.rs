//! Work orders (リモート保守申請): their states, and which act leads from one to the next.

mod files;
mod form;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lang::Lang;

pub use files::{file_lines, files_from_lines};
pub use form::{ORDER_LIST_MAX, OrderForm, OrderStep};

macro_rules! words {
    ($( $(#[$outer:meta])* enum $name:ident { $( $(#[$doc:meta])* $variant:ident $word:literal $ja:literal $en:literal, )* } )*) => { $(
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $( $(#[$doc])* $variant, )* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The word on the wire, in files and in the store.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }

            /// Reads the word back.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }

            /// The word for people.
            #[must_use]
            pub fn label(self, lang: Lang) -> &'static str {
                match self { $( Self::$variant => lang.pick($ja, $en), )* }
            }
        }
    )* };
}

pub(crate) use words;

words! {
    /// How far a work order has come.
    enum OrderState {
        /// Being written.
        Drafted "drafted" "作成中" "drafted",
        /// Handed to the city.
        Submitted "submitted" "申請済" "submitted",
        /// The city allows it.
        Approved "approved" "承認" "approved",
        /// The city refuses it.
        Rejected "rejected" "却下" "rejected",
        /// Work has begun.
        InProgress "in_progress" "作業中" "in progress",
        /// Work is over and reported.
        Reported "reported" "報告済" "reported",
        /// The city accepts the report.
        Accepted "accepted" "完了確認" "accepted",
        /// Taken back.
        Withdrawn "withdrawn" "取下げ" "withdrawn",
    }
    /// What somebody does with a work order.
    enum OrderAct {
        /// Writes it, or changes what it says.
        Write "write" "作成・変更" "write",
        /// Hands it to the city.
        Submit "submit" "申請" "submit",
        /// Allows it.
        Approve "approve" "承認" "approve",
        /// Refuses it.
        Reject "reject" "却下" "reject",
        /// Begins the work.
        Begin "begin" "作業開始" "begin",
        /// Reports the work.
        Report "report" "報告" "report",
        /// Accepts the report.
        Accept "accept" "完了確認" "accept",
        /// Takes it back.
        Withdraw "withdraw" "取下げ" "withdraw",
    }
    /// Whose act it is.
    enum OrderSide {
        /// The vendor's.
        Vendor "vendor" "業者" "vendor",
        /// The city's, signed with its own key.
        City "city" "市の署名" "city, signed",
        /// The city's on paper, entered by the vendor (業者入力).
        Paper "paper" "書面（業者入力）" "on paper, entered by the vendor",
    }
}

/// Why an act on an order, or a failure report, was refused, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRefused {
    ja: String,
    en: String,
    field: Option<String>,
}

impl OrderRefused {
    /// Says why, in both languages.
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ja: ja.into(), en: en.into(), field: None }
    }

    /// Names the field of the form or report that it is about.
    #[must_use]
    pub fn of(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// The field of the form or report that it is about; none where it is about all of it.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// For people.
    #[must_use]
    pub fn text(&self, lang: Lang) -> &str {
        lang.pick(&self.ja, &self.en)
    }
}

impl std::fmt::Display for OrderRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en)
    }
}

impl std::error::Error for OrderRefused {}

impl OrderState {
    /// Whether work is allowed in this state, within the order's period.
    #[must_use]
    pub fn permits(self) -> bool {
        matches!(self, Self::Approved | Self::InProgress | Self::Reported | Self::Accepted)
    }

    /// Whether nothing more can be done with it.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Accepted | Self::Withdrawn)
    }
}

impl OrderAct {
    /// Whether it is for the city to do.
    #[must_use]
    pub fn is_the_citys(self) -> bool {
        matches!(self, Self::Approve | Self::Reject | Self::Accept)
    }

    /// Whether no session may be open under the order that it is done with.
    #[must_use]
    pub fn closes(self) -> bool {
        matches!(self, Self::Report | Self::Accept | Self::Withdraw)
    }

    /// The states in which it can be done; none for an order that is not there yet.
    fn from(self) -> &'static [OrderState] {
        use OrderState::{Approved, Drafted, InProgress, Rejected, Reported, Submitted};
        match self {
            // What was allowed is changed by asking again.
            Self::Write => &[Drafted, Submitted, Rejected, Approved],
            Self::Submit => &[Drafted],
            Self::Approve | Self::Reject => &[Submitted],
            Self::Begin => &[Approved],
            Self::Report => &[Approved, InProgress, Reported],
            Self::Accept => &[Reported],
            Self::Withdraw => &[Drafted, Submitted, Rejected, Approved],
        }
    }

    fn to(self) -> OrderState {
        match self {
            Self::Write => OrderState::Drafted,
            Self::Submit => OrderState::Submitted,
            Self::Approve => OrderState::Approved,
            Self::Reject => OrderState::Rejected,
            Self::Begin => OrderState::InProgress,
            Self::Report => OrderState::Reported,
            Self::Accept => OrderState::Accepted,
            Self::Withdraw => OrderState::Withdrawn,
        }
    }

    /// The state that an order in `state` has after it; `None`: an order that is not there yet.
    ///
    /// # Errors
    /// In which states it can be done, and by whom.
    pub fn apply(self, state: Option<OrderState>, side: OrderSide) -> Result<OrderState, OrderRefused> {
        if self.is_the_citys() == (side == OrderSide::Vendor) {
            let whose = if self.is_the_citys() { ("市", "the city's") } else { ("業者", "the vendor's") };
            return Err(OrderRefused::new(
                format!("「{}」は{}の操作です。", self.label(Lang::Ja), whose.0),
                format!("to {} is {} act", self.word(), whose.1),
            ));
        }
        match state {
            None if self == Self::Write => Ok(self.to()),
            None => Err(OrderRefused::new("その番号の申請はありません。", "there is no such order")),
            Some(state) if self.from().contains(&state) => Ok(self.to()),
            Some(state) => {
                let list = |lang: Lang| self.from().iter().map(|state| state.label(lang)).collect::<Vec<_>>();
                Err(OrderRefused::new(
                    format!(
                        "この申請は「{}」です。「{}」ができるのは「{}」のときです。",
                        state.label(Lang::Ja),
                        self.label(Lang::Ja),
                        list(Lang::Ja).join("」「")
                    ),
                    format!(
                        "the order is {}; to {} it has to be {}",
                        state.label(Lang::En),
                        self.word(),
                        list(Lang::En).join(" or ")
                    ),
                ))
            }
        }
    }

    /// What can be done next with an order in `state`.
    #[must_use]
    pub fn possible(state: OrderState) -> Vec<Self> {
        Self::ALL.iter().copied().filter(|act| act.from().contains(&state)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_order_goes_its_way_and_no_other() {
        use OrderSide::{City, Paper, Vendor};
        let way = [
            (OrderAct::Write, Vendor),
            (OrderAct::Submit, Vendor),
            (OrderAct::Approve, City),
            (OrderAct::Begin, Vendor),
            (OrderAct::Report, Vendor),
            (OrderAct::Accept, Paper),
        ];
        let end = way.iter().fold(None, |state, (act, side)| Some(act.apply(state, *side).unwrap()));
        assert_eq!(end, Some(OrderState::Accepted));
        let refused = OrderAct::Approve.apply(Some(OrderState::Submitted), Vendor).unwrap_err();
        assert!(refused.text(Lang::En).contains("the city's act"), "{refused}");
        let refused = OrderAct::Begin.apply(Some(OrderState::Submitted), Vendor).unwrap_err();
        assert!(refused.text(Lang::En).contains("has to be approved"), "{refused}");
        assert_eq!(OrderAct::Submit.apply(None, Vendor).unwrap_err().text(Lang::Ja), "その番号の申請はありません。");
        assert!(OrderAct::possible(OrderState::Withdrawn).is_empty());
        // Changing what was allowed asks anew.
        assert_eq!(OrderAct::Write.apply(Some(OrderState::Approved), Vendor).unwrap(), OrderState::Drafted);
    }
}
