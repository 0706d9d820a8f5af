//! 端末: when each was switched on and off, held against the work orders; its operation logs; the
//! sessions that none tells of.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_core::SessionEnd;
use kukaku_schema::registers::{Client, Entry, Policy, Terminal};
use kukaku_schema::{DurationUs, Lang, Span, UtcMicros};
use kukaku_store::StoreError;
use kukaku_store::query::{self, OplogRow, OrderAt, PowerRow, Reader, SessionRow};

use super::layout::{Frame, page};
use super::{View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::text::{self, Chip, clean};

/// How far back the page looks.
const SHOWN: DurationUs = DurationUs::from_secs(30 * 86_400);

/// Rows of one sort and terminal that the page shows, the newest.
const ROWS_MAX: usize = 100;

/// A switching of a terminal.
#[derive(Debug, Clone)]
pub(crate) struct PowerLine {
    pub terminal: String,
    pub at: String,
    pub state: Chip,
    /// How it stands to the orders; only of a switching on.
    pub orders: Option<Chip>,
    pub entry: i64,
}

/// An operation log.
#[derive(Debug, Clone)]
pub(crate) struct OplogLine {
    pub terminal: String,
    pub span: String,
    pub path: String,
    pub size: String,
    pub state: Chip,
    pub entry: i64,
}

impl OplogLine {
    fn new(row: &OplogRow, view: &View) -> Self {
        let lang = view.lang;
        Self {
            terminal: clean(&row.terminal),
            span: text::from_to(&view.dir.zone, row.span, lang),
            path: clean(&row.path),
            size: text::counted(row.bytes),
            state: match (&row.sha256, row.gone) {
                (_, true) => Chip::bad(lang.pick("消失", "gone")),
                (Some(_), _) => Chip::ok(lang.pick("保存・照合値あり", "kept, with its hash")),
                (None, _) => Chip::new("info", "note", lang.pick("保存", "kept")),
            },
            entry: row.entry,
        }
    }
}

/// What a session's page shows of its terminal.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfSession {
    pub logs: Vec<OplogLine>,
    /// Whether there is a log; none where the session has no known terminal.
    pub logged: Option<Chip>,
    pub power: Vec<PowerLine>,
    pub periods: Vec<String>,
}

/// The register's row of a terminal at an instant.
fn terminal_at<'a>(view: &'a View, id: &str, at: UtcMicros) -> Option<&'a Terminal> {
    let registers = view.dir.registers.as_ref()?;
    registers.terminals.iter().find(|entry| entry.row.id == id && entry.valid.contains(at)).map(|entry| &entry.row)
}

/// The clients that a terminal works for at an instant: its own, or every one where it has none.
fn clients_at<'a>(view: &'a View, id: &str, at: UtcMicros) -> Vec<&'a Client> {
    let Some(registers) = &view.dir.registers else { return vec![] };
    let own = terminal_at(view, id, at).and_then(|row| row.client.as_deref());
    let fits = |entry: &&Entry<Client>| entry.valid.contains(at) && own.is_none_or(|own| entry.row.id == own);
    registers.clients.iter().filter(fits).map(|entry| &entry.row).collect()
}

fn grace_at(view: &View, at: UtcMicros) -> DurationUs {
    let policies = view.dir.registers.as_ref().map_or(&[][..], |registers| &registers.policies);
    let row = policies.iter().rev().find(|entry| entry.valid.contains(at));
    row.map_or_else(Policy::default, |entry| Policy::default().with(&entry.row)).order_grace
}

/// The orders of a terminal's clients that the city allowed and whose period, with its tolerance,
/// meets `span`.
fn allowed(reader: &Reader, view: &View, id: &str, span: Span) -> Result<Vec<OrderAt>, StoreError> {
    let grace = grace_at(view, span.start);
    let wide = Span::new(span.start.minus(grace), span.end.plus(grace));
    let mut orders = Vec::new();
    for client in clients_at(view, id, span.start) {
        let of = query::orders_between(reader, &client.id, wide)?;
        // What was allowed later allows nothing of before.
        let known = |order: &OrderAt| order.allowed_from.is_some_and(|from| from.minus(grace) < span.end);
        orders.extend(of.into_iter().filter(known));
    }
    Ok(orders)
}

fn power_line(reader: &Reader, view: &View, id: &str, row: PowerRow) -> Result<PowerLine, StoreError> {
    let lang = view.lang;
    let needed = clients_at(view, id, row.at).iter().any(|client| client.work_orders.unwrap_or(true));
    let orders = if row.on {
        let found = allowed(reader, view, id, Span::new(row.at, row.at.plus(DurationUs(1))))?;
        Some(match found.first() {
            Some(order) => {
                let order = clean(&order.order);
                Chip::ok(lang.pick(format!("申請 {order} の期間内"), format!("within order {order}")))
            }
            None if needed => Chip::bad(lang.pick("承認された申請の期間外", "outside every approved order")),
            None => Chip::dim(lang.pick("申請を要しない契約先", "no order needed")),
        })
    } else {
        None
    };
    Ok(PowerLine {
        terminal: clean(id),
        at: text::when(&view.dir.zone, row.at, lang),
        state: power_chip(row.on, lang),
        orders,
        entry: row.entry,
    })
}

fn power_chip(on: bool, lang: Lang) -> Chip {
    if on { Chip::new("info", "dot", lang.pick("入", "on")) } else { Chip::dim(lang.pick("切", "off")) }
}

/// What is known of a session's terminal in its time.
pub(crate) fn of_session(reader: &Reader, view: &View, row: &SessionRow, shown: Span) -> Result<OfSession, StoreError> {
    let Some(id) = &row.terminal else { return Ok(OfSession::default()) };
    let lang = view.lang;
    let logs = query::oplogs_in(reader, id, row.span(view.now), Some(&row.session))?;
    let wanted = terminal_at(view, id, row.start).is_some_and(|terminal| terminal.oplog);
    let logged = if logs.iter().any(|log| !log.gone) {
        Chip::ok(lang.pick("操作ログあり", "logged"))
    } else if row.end == SessionEnd::Open {
        Chip::new("info", "clock", lang.pick("終了後に確認", "to be seen after its end"))
    } else if wanted {
        Chip::bad(lang.pick("操作ログなし", "no operation log"))
    } else {
        Chip::dim(lang.pick("登録なし（この端末では求めない）", "none; not demanded of this terminal"))
    };
    let power = query::power_in(reader, id, shown)?;
    let power = power.into_iter().map(|row| power_line(reader, view, id, row)).collect::<Result<_, _>>()?;
    let periods = allowed(reader, view, id, shown)?
        .into_iter()
        .map(|order| format!("{} {}", clean(&order.order), text::from_to(&view.dir.zone, order.period, lang)));
    Ok(OfSession {
        logs: logs.iter().map(|row| OplogLine::new(row, view)).collect(),
        logged: Some(logged),
        power,
        periods: periods.collect(),
    })
}

struct TerminalLine {
    id: String,
    client: String,
    zone: String,
    power: Option<Chip>,
    oplog: &'static str,
    odd: usize,
    unlogged: usize,
}

struct UnloggedLine {
    id: i64,
    session: String,
    terminal: String,
    span: String,
}

#[derive(Template)]
#[template(path = "terminals.html")]
struct TerminalsPage {
    f: Frame,
    terminals: Vec<TerminalLine>,
    power: Vec<PowerLine>,
    logs: Vec<OplogLine>,
    unlogged: Vec<UnloggedLine>,
}

type Read = (Vec<TerminalLine>, Vec<PowerLine>, Vec<OplogLine>, Vec<UnloggedLine>);

fn read(reader: &Reader, view: &View) -> Result<Read, StoreError> {
    let (lang, span) = (view.lang, Span::new(view.now.minus(SHOWN), view.now.plus(DurationUs(1))));
    let mut ids: Vec<&str> = view.dir.registers.iter().flat_map(|r| &r.terminals).map(|e| e.row.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut out: Read = (vec![], vec![], vec![], vec![]);
    for id in ids {
        let row = terminal_at(view, id, view.now);
        let switched = query::power_in(reader, id, span)?;
        let newest = switched.last().copied();
        let recent = switched.into_iter().rev().take(ROWS_MAX);
        let power = recent.map(|row| power_line(reader, view, id, row)).collect::<Result<Vec<_>, _>>()?;
        let odd = power.iter().filter(|line| line.orders.as_ref().is_some_and(|chip| chip.class == "bad")).count();
        let logs = query::oplogs_in(reader, id, span, None)?;
        let wanted = row.is_some_and(|row| row.oplog);
        let limit = u32::try_from(ROWS_MAX).unwrap_or(u32::MAX);
        let unlogged = if wanted { query::sessions_unlogged(reader, id, span, limit)? } else { vec![] };
        out.0.push(TerminalLine {
            id: clean(id),
            client: row
                .and_then(|row| row.client.as_deref())
                .map_or_else(|| lang.pick("どの契約先も", "any").to_owned(), |client| clean(&view.dir.client(client))),
            zone: row.map_or_else(String::new, |row| clean(&view.dir.zone_name(&row.zone, lang))),
            power: newest.map(|row| power_chip(row.on, lang)),
            oplog: if wanted { lang.pick("求める", "demanded") } else { lang.pick("求めない", "not demanded") },
            odd,
            unlogged: unlogged.len(),
        });
        out.1.extend(power);
        out.2.extend(logs.iter().rev().take(ROWS_MAX).map(|row| OplogLine::new(row, view)));
        out.3.extend(unlogged.into_iter().map(|row| UnloggedLine {
            id: row.id,
            session: clean(&row.session),
            terminal: clean(&row.terminal),
            span: text::from_to(&view.dir.zone, row.span, lang),
        }));
    }
    Ok(out)
}

/// `GET /terminals`.
pub(crate) async fn terminals(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, WebError> {
    let (view, (terminals, power, logs, unlogged)) = read_view(&app, &viewer, read).await?;
    let f = view.frame(&viewer, "sources", "端末", "Terminals", "/terminals");
    page(&TerminalsPage { f, terminals, power, logs, unlogged })
}
