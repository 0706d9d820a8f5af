//! The timeline of a session: drawn on the server, as one picture without script.
//!
//! Every bar has a word or a pattern beside its colour, and the page repeats all of it in tables.

use kukaku_schema::{DurationUs, SiteZone, Span, UtcMicros};

use super::layout::escaped;

/// Width of the drawing, and of the column of names at its left, in its own units.
const WIDTH: f64 = 1200.0;
const NAMES: f64 = 190.0;
const ROW: f64 = 34.0;
const BAR: f64 = 22.0;
const AXIS: f64 = 34.0;
/// Ticks on the axis at most.
const TICKS_MAX: i64 = 10;
/// Narrowest bar: shorter spans still have to be seen.
const BAR_MIN: f64 = 3.0;
/// A word stands in a bar that is at least this wide for each letter.
const LETTER: f64 = 14.0;

/// One bar.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub span: Span,
    /// Its class in the style sheet.
    pub class: &'static str,
    /// What stands in it, where there is room.
    pub word: String,
    /// What is told of it when pointed at.
    pub title: String,
}

/// One instant.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub at: UtcMicros,
    pub class: &'static str,
    pub title: String,
}

/// A row of the drawing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub name: String,
    pub bars: Vec<Bar>,
    pub marks: Vec<Mark>,
}

/// Draws `rows` over `shown`; `now` is marked where it lies within.
pub(crate) fn timeline(rows: &[Row], shown: Span, now: UtcMicros, zone: &SiteZone, title: &str) -> String {
    let height = AXIS + ROW * rows.len() as f64 + 6.0;
    let total = (shown.length().0 as f64).max(1.0);
    let x_of = |at: UtcMicros| {
        let part = at.0.saturating_sub(shown.start.0) as f64 / total;
        NAMES + part.clamp(0.0, 1.0) * (WIDTH - NAMES - 10.0)
    };
    let mut out = format!(
        "<svg class=\"time\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">\
         <defs><pattern id=\"p-absent\" width=\"9\" height=\"9\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect width=\"9\" height=\"9\" class=\"absent\"/><line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"9\" class=\"hatch\"/></pattern>\
         <pattern id=\"p-unknown\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\"><rect width=\"8\" height=\"8\" class=\"unknown\"/>\
         <circle cx=\"4\" cy=\"4\" r=\"1.5\" class=\"dot\"/></pattern></defs>",
        escaped(title)
    );
    for (at, label) in ticks(shown, zone) {
        let x = x_of(at);
        out.push_str(&format!(
            "<line class=\"axis\" x1=\"{x:.1}\" y1=\"{AXIS}\" x2=\"{x:.1}\" y2=\"{height}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"20\" text-anchor=\"middle\">{}</text>",
            escaped(&label)
        ));
    }
    for (index, row) in rows.iter().enumerate() {
        let top = AXIS + ROW * index as f64;
        draw_row(&mut out, row, top, shown, &x_of);
    }
    if shown.contains(now) {
        let x = x_of(now);
        out.push_str(&format!("<line class=\"now\" x1=\"{x:.1}\" y1=\"{AXIS}\" x2=\"{x:.1}\" y2=\"{height}\"/>"));
    }
    out.push_str("</svg>");
    out
}

fn draw_row(out: &mut String, row: &Row, top: f64, shown: Span, x_of: &impl Fn(UtcMicros) -> f64) {
    let bar_top = top + (ROW - BAR) / 2.0;
    let middle = top + ROW / 2.0 + 5.0;
    let name: String = row.name.chars().take(14).collect();
    out.push_str(&format!(
        "<text x=\"0\" y=\"{middle:.1}\">{}<title>{}</title></text><rect class=\"row\" x=\"{NAMES}\" y=\"{bar_top:.1}\" width=\"{:.1}\" height=\"{BAR}\"/>",
        escaped(&name),
        escaped(&row.name),
        WIDTH - NAMES - 10.0
    ));
    for bar in &row.bars {
        let part = bar.span.intersect(shown);
        if part.is_empty() && bar.span.start != bar.span.end {
            continue;
        }
        let (left, right) = (x_of(part.start), x_of(part.end));
        let width = (right - left).max(BAR_MIN);
        let fill = match bar.class {
            "absent" => " fill=\"url(#p-absent)\"",
            "unknown" => " fill=\"url(#p-unknown)\"",
            class => &format!(" class=\"{class}\""),
        };
        out.push_str(&format!(
            "<g><title>{}</title><rect{fill} x=\"{left:.1}\" y=\"{bar_top:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>",
            escaped(&bar.title)
        ));
        let letters = bar.word.chars().count() as f64;
        if letters > 0.0 && width > letters * LETTER + 8.0 && !matches!(bar.class, "absent" | "unknown") {
            let on = match bar.class {
                "confirmed" | "outage" | "lost" => "on",
                "sess" | "weak" | "manual" | "foot" => "on-bar",
                _ => "on-light",
            };
            out.push_str(&format!(
                "<text class=\"{on}\" x=\"{:.1}\" y=\"{middle:.1}\">{}</text>",
                left + 6.0,
                escaped(&bar.word)
            ));
        }
        out.push_str("</g>");
    }
    for mark in row.marks.iter().filter(|mark| shown.contains(mark.at)) {
        let x = x_of(mark.at);
        out.push_str(&format!(
            "<g><title>{}</title><line class=\"{}\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/></g>",
            escaped(&mark.title),
            mark.class,
            bar_top - 3.0,
            bar_top + BAR + 3.0
        ));
    }
}

/// Round instants of the site's day within `shown`, with the day where it changes.
fn ticks(shown: Span, zone: &SiteZone) -> Vec<(UtcMicros, String)> {
    const STEPS_S: [i64; 16] =
        [1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800];
    let length_s = shown.length().0 / 1_000_000;
    let step_s = STEPS_S.into_iter().find(|step| length_s / step <= TICKS_MAX).unwrap_or(length_s / TICKS_MAX + 1);
    let mut at = zone.start_of_day(shown.start);
    let behind = shown.start.since(at).0 / 1_000_000 / step_s;
    at = at.plus(DurationUs::from_secs(behind * step_s));
    let mut out = vec![];
    let mut day = String::new();
    // Two more than fit: the first may lie before the span, the last on its end.
    for _ in 0..TICKS_MAX + 3 {
        if at >= shown.end {
            break;
        }
        if at >= shown.start {
            let text = zone.shown(at);
            let (date, time) = (text.get(5..10).unwrap_or_default(), text.get(11..).unwrap_or_default());
            let time = if step_s < 60 { time } else { time.get(..5).unwrap_or(time) };
            let label = if date == day { time.to_owned() } else { format!("{} {time}", date.replace('-', "/")) };
            day = date.to_owned();
            out.push((at, label));
        }
        at = at.plus(DurationUs::from_secs(step_s));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> UtcMicros {
        UtcMicros::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn hostile_names_stay_text() {
        let shown = Span::new(at("2026-11-22T09:00:00+09:00"), at("2026-11-22T10:00:00+09:00"));
        let row = Row {
            name: "<script>alert(1)</script>\"".to_owned(),
            bars: vec![Bar {
                span: shown,
                class: "confirmed",
                word: "</svg>".to_owned(),
                title: "\"><img src=x>".to_owned(),
            }],
            marks: vec![],
        };
        let drawn = timeline(&[row], shown, shown.start, &SiteZone::named("Asia/Tokyo").unwrap(), "</svg>");
        assert!(!drawn.contains("<script") && !drawn.contains("<img"));
        assert_eq!(drawn.matches("</svg>").count(), 1);
    }

    #[test]
    fn the_axis_has_round_times_of_the_site() {
        let zone = SiteZone::named("Asia/Tokyo").unwrap();
        let labels = |from: &str, to: &str| -> Vec<String> {
            ticks(Span::new(at(from), at(to)), &zone).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(
            labels("2026-11-22T08:55:00+09:00", "2026-11-22T09:25:00+09:00"),
            ["11/22 08:55", "09:00", "09:05", "09:10", "09:15", "09:20"]
        );
        assert_eq!(
            labels("2026-11-22T22:10:00+09:00", "2026-11-23T02:00:00+09:00")[..4],
            ["11/22 22:30", "23:00", "23:30", "11/23 00:00"]
        );
    }

    #[test]
    fn a_span_without_end_does_not_hang() {
        let zone = SiteZone::named("Asia/Tokyo").unwrap();
        let drawn = timeline(&[], Span::new(UtcMicros::MIN, UtcMicros::MAX), UtcMicros(0), &zone, "x");
        assert!(drawn.len() < 5_000);
    }
}
