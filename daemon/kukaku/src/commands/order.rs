//! `kukaku order`: work orders (リモート保守申請).

use std::io::{Read as _, Write as _};
use std::path::Path;

use kukaku_pack::ANSWER_MAX_BYTES;
use kukaku_schema::observation::{OrderFile, OrderReport, Remark};
use kukaku_schema::order::{OrderForm, OrderRefused};
use kukaku_schema::{Lang, Name, OrderAct, OrderSide, Registers, SiteZone};
use kukaku_store::query::{OrderFilter, OrderRow, OrderStepRow, order_now, order_steps, orders};
use kukaku_store::read_only;
use serde::Serialize;

use super::muster::credentials;
use super::registers::{act, present};
use crate::answers::{self, AnswerFailure};
use crate::cli::{OnPaper, OrderAction, OrderArgs};
use crate::clock;
use crate::control::{Credentials, OrderRequest, Request};
use crate::failure::Failure;
use crate::order_csv;
use crate::say::{say, shown};
use crate::site_dir::SiteDir;

/// Orders on one page of a list.
const PAGE: u32 = 500;

const TEMPLATE: &str = include_str!("../../../../schema/examples/order.toml");

/// Runs the command.
///
/// # Errors
/// `Written`: the form, the report or the act can't be taken. `Failed`: a user or password is wrong.
pub fn run(args: &OrderArgs) -> Result<(), Failure> {
    if matches!(args.action, OrderAction::Template { from: None }) {
        say(TEMPLATE.trim_end());
        return Ok(());
    }
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let vendor = |act: OrderAct, id: &str, by: Option<&String>| -> Result<(), Failure> {
        let by = credentials("user", by)?;
        step(&dir, request(act, name(id)?, by))
    };
    match &args.action {
        OrderAction::Template { from } => from.as_ref().map_or(Ok(()), |id| template(&dir, id)),
        OrderAction::Write { file, submit, by } => {
            let form = read_form(file)?;
            let by = credentials("user who writes it", by.as_ref())?;
            write(&dir, vec![form], &by, *submit)
        }
        OrderAction::Import { file, dry_run, submit, by } => {
            let registers = present(&dir)?;
            let zone = SiteZone::named(&registers.site.time_zone).map_err(Failure::Store)?;
            let forms = order_csv::read(file, &zone)?;
            possible(&dir, &forms, &registers)?;
            if *dry_run {
                forms.iter().for_each(|form| say(shown(&form_line(form, &zone))));
                say(format!("{} orders would be written", forms.len()));
                return Ok(());
            }
            let by = credentials("user who writes them", by.as_ref())?;
            write(&dir, forms, &by, *submit)
        }
        OrderAction::Submit(done) => vendor(OrderAct::Submit, &done.id, done.by.as_ref()),
        OrderAction::Begin(done) => vendor(OrderAct::Begin, &done.id, done.by.as_ref()),
        OrderAction::Withdraw(done) => vendor(OrderAct::Withdraw, &done.id, done.by.as_ref()),
        OrderAction::Approve(paper) => on_paper(&dir, OrderAct::Approve, paper),
        OrderAction::Reject(paper) => on_paper(&dir, OrderAct::Reject, paper),
        OrderAction::Accept(paper) => on_paper(&dir, OrderAct::Accept, paper),
        OrderAction::Sheet { id, out } => sheet(&dir, id, out),
        OrderAction::Take { file, by } => {
            let answer = read_answer(file)?;
            let by = credentials("user who takes it in", by.as_ref())?;
            act(&dir, &Request::TakeAnswer { answer, by })
        }
        OrderAction::Report { id, file, by } => {
            let report: OrderReport = read(file)?;
            let by = credentials("user who hands it in", by.as_ref())?;
            step(&dir, OrderRequest { report: Some(report), ..request(OrderAct::Report, name(id)?, by) })
        }
        OrderAction::List { json } => list(&dir, *json),
        OrderAction::Show { id, json } => show(&dir, id, *json),
    }
}

fn name(id: &str) -> Result<Name, Failure> {
    Name::new(id).map_err(Failure::Written)
}

fn request(act: OrderAct, id: Name, by: Credentials) -> OrderRequest {
    OrderRequest { act, id, form: None, report: None, paper: None, at: None, by, confirmed_by: None }
}

fn step(dir: &SiteDir, request: OrderRequest) -> Result<(), Failure> {
    act(dir, &Request::Order(Box::new(request)))
}

fn write(dir: &SiteDir, forms: Vec<OrderForm>, by: &Credentials, submit: bool) -> Result<(), Failure> {
    for form in forms {
        let id = form.id.clone();
        step(dir, OrderRequest { form: Some(form), ..request(OrderAct::Write, id.clone(), by.clone()) })?;
        if submit {
            step(dir, request(OrderAct::Submit, id, by.clone()))?;
        }
    }
    Ok(())
}

/// All of a table, or nothing: what one of them would be refused for refuses all.
fn possible(dir: &SiteDir, forms: &[OrderForm], registers: &Registers) -> Result<(), Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(failure)?;
    for form in forms {
        let wrong = |e: OrderRefused| Failure::Written(format!("order {}: {e}", form.id));
        form.check(registers).map_err(wrong)?;
        let newest = order_now(&conn, form.id.as_str()).map_err(failure)?;
        OrderAct::Write.apply(newest.map(|order| order.state), OrderSide::Vendor).map_err(wrong)?;
    }
    Ok(())
}

fn on_paper(dir: &SiteDir, act: OrderAct, paper: &OnPaper) -> Result<(), Failure> {
    let by = credentials("user who enters it", paper.by.as_ref())?;
    let confirmed_by = credentials("user who confirms it", paper.confirmed_by.as_ref())?;
    let request = OrderRequest {
        paper: Some(name(&paper.paper)?),
        at: paper.at,
        confirmed_by: Some(confirmed_by),
        ..request(act, name(&paper.id)?, by)
    };
    step(dir, request)
}

fn read_form(file: &Path) -> Result<OrderForm, Failure> {
    read(file)
}

/// Reads a form in TOML; what is wrong with it names its line.
pub(super) fn read<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::Written(format!("read {}: {e}", file.display())))?;
    toml::from_str(&text).map_err(|e| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        Failure::Written(format!("{}, line {line}: {}", file.display(), e.message()))
    })
}

fn sheet(dir: &SiteDir, id: &str, out: &Path) -> Result<(), Failure> {
    let sheet = answers::sheet(&dir.store(), id, clock::now()).map_err(|failure| match failure {
        AnswerFailure::Refused(why) => Failure::Written(why.to_string()),
        AnswerFailure::Failed(why) => Failure::Store(why),
    })?;
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).open(out);
    let mut file = opened.map_err(|e| Failure::io("write", out, &e))?;
    file.write_all(sheet.to_json().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|e| Failure::io("write", out, &e))?;
    let what = format!("{}: SHA-256 {}", out.display(), sheet.hash());
    say(shown(&format!("{what}; the city answers it with `kukaku-verify approve {}`", out.display())));
    Ok(())
}

fn read_answer(file: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let limit = 2 * ANSWER_MAX_BYTES as u64;
    std::fs::File::open(file)
        .and_then(|f| f.take(limit).read_to_end(&mut bytes))
        .map_err(|e| Failure::Written(format!("read {}: {e}", file.display())))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::Written(format!("{}: no answer that kukaku-verify made: not UTF-8", file.display())))
}

/// A form in which the number and the period are left to be filled in.
#[derive(Serialize)]
struct Begun<'a> {
    id: &'a str,
    client: &'a Name,
    from: &'a str,
    to: &'a str,
    purpose: &'a Remark,
    content: &'a Remark,
    targets: &'a [Name],
    operators: &'a [Name],
    responsible: &'a Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a Remark>,
    emergency: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    files: &'a [OrderFile],
}

/// An earlier order as a form: without its number and period, so that nobody hands it in unread.
fn template(dir: &SiteDir, id: &str) -> Result<(), Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(failure)?;
    let order = order_now(&conn, id).map_err(failure)?;
    let order = order.ok_or_else(|| Failure::Written(format!("there is no order {id:?}")))?;
    let begun = Begun {
        id: "",
        client: &order.client,
        from: "",
        to: "",
        purpose: &order.purpose,
        content: &order.content,
        targets: &order.targets,
        operators: &order.operators,
        responsible: &order.responsible,
        notes: order.notes.as_ref(),
        emergency: order.emergency,
        files: &order.files,
    };
    let form = toml::to_string_pretty(&begun).expect("texts and lists always serialise");
    say(shown(&format!(
        "# A work order (リモート保守申請), begun from order {id}. Fill in its number and its period,"
    )));
    say("# times like \"2026-11-24T09:00:00+09:00\", then:  kukaku order write FILE --submit");
    say(form.trim_end());
    Ok(())
}

fn form_line(form: &OrderForm, zone: &SiteZone) -> String {
    let operators: Vec<&str> = form.operators.iter().map(Name::as_str).collect();
    let (from, to) = (zone.shown(form.from), zone.shown(form.to));
    format!("{}  {}  {from} - {to}  {}  {}", form.id, form.client, operators.join(";"), form.purpose.as_str())
}

#[derive(Serialize)]
struct OrderJson<'a> {
    id: &'a str,
    client: &'a str,
    state: &'a str,
    since: String,
    from: String,
    to: String,
    entry: i64,
}

fn all(dir: &SiteDir) -> Result<(Vec<OrderRow>, SiteZone), Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let zone = SiteZone::named(&present(dir)?.site.time_zone).map_err(Failure::Store)?;
    let conn = read_only(&dir.store()).map_err(failure)?;
    let mut out: Vec<OrderRow> = Vec::new();
    let mut after = None;
    loop {
        let page = orders(&conn, &OrderFilter::default(), after, PAGE).map_err(failure)?;
        out.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return Ok((out, zone));
        }
    }
}

fn list(dir: &SiteDir, json: bool) -> Result<(), Failure> {
    let (rows, zone) = all(dir)?;
    if json {
        let rows: Vec<OrderJson<'_>> = rows
            .iter()
            .map(|row| OrderJson {
                id: &row.order,
                client: &row.client,
                state: row.state.word(),
                since: row.since.to_rfc3339_utc(),
                from: row.from.to_rfc3339_utc(),
                to: row.to.to_rfc3339_utc(),
                entry: row.entry,
            })
            .collect();
        say(serde_json::to_string_pretty(&rows).expect("texts and numbers always serialise"));
        return Ok(());
    }
    if rows.is_empty() {
        say("no orders");
    }
    for row in rows {
        let (from, to, state) = (zone.shown(row.from), zone.shown(row.to), row.state);
        let state = format!("{} ({})", state.label(Lang::Ja), state.label(Lang::En));
        say(shown(&format!("{}  {}  {from} - {to}  {state}", row.order, row.client)));
    }
    Ok(())
}

fn show(dir: &SiteDir, id: &str, json: bool) -> Result<(), Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let zone = SiteZone::named(&present(dir)?.site.time_zone).map_err(Failure::Store)?;
    let conn = read_only(&dir.store()).map_err(failure)?;
    let steps = order_steps(&conn, id).map_err(failure)?;
    if steps.is_empty() {
        return Err(Failure::Written(format!("there is no order {id:?}")));
    }
    if json {
        let bodies: Vec<_> = steps.iter().filter_map(|step| step.order.as_ref()).collect();
        say(serde_json::to_string_pretty(&bodies).expect("texts and numbers always serialise"));
        return Ok(());
    }
    steps.iter().for_each(|step| say(shown(&step_line(step, &zone))));
    if let Some(order) = steps.last().and_then(|step| step.order.as_ref()) {
        let names = |list: &[Name]| list.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
        say(shown(&format!("期間 period: {} - {}", zone.shown(order.from), zone.shown(order.to))));
        say(shown(&format!("作業者 operators: {}", names(&order.operators))));
        if !order.targets.is_empty() {
            say(shown(&format!("対象 targets: {}", names(&order.targets))));
        }
        say(shown(&format!("目的 purpose: {}", order.purpose.as_str())));
        say(shown(&format!("内容 content: {}", order.content.as_str())));
        for file in &order.files {
            say(shown(&format!("ファイル file: {}  {}", file.sha256.as_str(), file.name)));
        }
        if let Some(report) = &order.report {
            say(shown(&format!("報告 report: {}", report.result.as_str())));
        }
    }
    Ok(())
}

fn step_line(step: &OrderStepRow, zone: &SiteZone) -> String {
    let entry = step.entry;
    let Some(order) = &step.order else { return format!("記録 {entry}: 抹消済 erased") };
    let key = order.answer.as_ref().map(|answer| format!(" {}", answer.key_name()));
    let paper = order.paper.as_ref().map(|paper| format!(" {paper}")).or(key).unwrap_or_default();
    let (act, side) = (order.act.label(Lang::Ja), order.side.label(Lang::Ja));
    format!(
        "記録 {entry}  {}  {act} ({})  {} {side}{paper}",
        zone.shown(order.device_time),
        order.state.word(),
        order.by
    )
}
