//! Sets of spans: ordered, disjoint, none empty.

use kukaku_schema::{Span, UtcMicros};

/// Orders spans and joins those that meet or overlap; empty ones are left out.
#[must_use]
pub fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|s| !s.is_empty());
    if spans.is_sorted_by(|a, b| a.end < b.start) {
        return spans;
    }
    spans.sort_unstable();
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

/// What of `from` lies in none of `cut`. Both are sets.
#[must_use]
pub fn minus(from: &[Span], cut: &[Span]) -> Vec<Span> {
    let mut out = Vec::new();
    let mut next = 0;
    for span in from {
        let mut start = span.start;
        while next < cut.len() && cut[next].end <= start {
            next += 1;
        }
        let mut index = next;
        while index < cut.len() && cut[index].start < span.end {
            if cut[index].start > start {
                out.push(Span::new(start, cut[index].start));
            }
            start = start.max(cut[index].end);
            index += 1;
        }
        if start < span.end {
            out.push(Span::new(start, span.end));
        }
    }
    out
}

/// What lies in both. Both are sets.
#[must_use]
pub fn both(a: &[Span], b: &[Span]) -> Vec<Span> {
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    while i < a.len() && j < b.len() {
        let shared = a[i].intersect(b[j]);
        if !shared.is_empty() {
            out.push(shared);
        }
        if a[i].end <= b[j].end {
            i += 1;
        } else {
            j += 1;
        }
    }
    out
}

/// The spans that at least `count` of the sets hold.
#[must_use]
pub fn at_least(sets: &[Vec<Span>], count: usize) -> Vec<Span> {
    let ends = sets.iter().flatten().flat_map(|span| [(span.start, true), (span.end, false)]);
    let mut ends: Vec<(UtcMicros, bool)> = ends.collect();
    ends.sort_unstable();
    let (mut open, mut since, mut out) = (0_usize, None, Vec::new());
    for (at, begins) in ends {
        open = if begins { open + 1 } else { open.saturating_sub(1) };
        match (since, open >= count) {
            (None, true) => since = Some(at),
            (Some(start), false) => {
                out.push(Span::new(start, at));
                since = None;
            }
            _ => {}
        }
    }
    joined(out)
}

/// As `partition_point`, for one that is likely near the end: it touches little before it.
#[must_use]
pub fn partition_near_end<T>(list: &[T], is_before: impl Fn(&T) -> bool) -> usize {
    let (mut end, mut step) = (list.len(), 1);
    while let Some(at) = end.checked_sub(step) {
        if is_before(&list[at]) {
            return at + 1 + list[at + 1..end].partition_point(is_before);
        }
        end = at;
        step *= 2;
    }
    list[..end].partition_point(is_before)
}

/// What holds every span in which two sets differ; none where they are the same.
#[must_use]
pub fn differing(a: &[Span], b: &[Span]) -> Option<Span> {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[head..], &b[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let rest = || a[..a.len() - tail].iter().chain(&b[..b.len() - tail]);
    Some(Span::new(rest().map(|s| s.start).min()?, rest().map(|s| s.end).max()?))
}

/// The first instant that one of two sets holds and the other doesn't; none where they are the same.
#[must_use]
pub fn first_difference(a: &[Span], b: &[Span]) -> Option<UtcMicros> {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    match (a.get(same), b.get(same)) {
        (None, None) => None,
        (Some(only), None) | (None, Some(only)) => Some(only.start),
        (Some(x), Some(y)) if x.start == y.start => Some(x.end.min(y.end)),
        (Some(x), Some(y)) => Some(x.start.min(y.start)),
    }
}

/// Whether the set holds `at`.
#[must_use]
pub fn holds(set: &[Span], at: UtcMicros) -> bool {
    let index = set.partition_point(|s| s.end <= at);
    set.get(index).is_some_and(|s| s.contains(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(i64, i64)]) -> Vec<Span> {
        pairs.iter().map(|(a, b)| Span::new(UtcMicros(*a), UtcMicros(*b))).collect()
    }

    #[test]
    fn a_set_that_goes_on_differs_from_its_former_end() {
        let first = |a: &[(i64, i64)], b: &[(i64, i64)]| first_difference(&set(a), &set(b)).map(|at| at.0);
        assert_eq!(first(&[(1, 4), (6, 9)], &[(1, 4), (6, 9)]), None);
        assert_eq!(first(&[(1, 4), (6, 9)], &[(1, 4), (6, 20)]), Some(9));
        assert_eq!(first(&[(1, 4), (6, 9)], &[(1, 4)]), Some(6));
        assert_eq!(first(&[(1, 4), (6, 9)], &[(1, 4), (5, 9)]), Some(5));
        assert_eq!(first(&[(1, 9)], &[(1, 4), (6, 9)]), Some(4));
        assert_eq!(first(&[], &[(3, 4)]), Some(3));
    }

    #[test]
    fn spans_join_cut_and_meet() {
        assert_eq!(joined(set(&[(5, 9), (1, 3), (3, 4), (8, 8)])), set(&[(1, 4), (5, 9)]));
        assert_eq!(minus(&set(&[(0, 10), (20, 30)]), &set(&[(2, 4), (8, 22)])), set(&[(0, 2), (4, 8), (22, 30)]));
        assert_eq!(both(&set(&[(0, 10), (20, 30)]), &set(&[(5, 25)])), set(&[(5, 10), (20, 25)]));
        let (a, b) = (set(&[(0, 1), (4, 6), (8, 9)]), set(&[(0, 1), (5, 7), (8, 9)]));
        assert_eq!((differing(&a, &b), differing(&a, &a)), (Some(Span::new(UtcMicros(4), UtcMicros(7))), None));
        let sets = [set(&[(0, 10)]), set(&[(2, 4), (6, 12)]), set(&[(4, 6)])];
        assert_eq!(at_least(&sets, 2), set(&[(2, 10)]));
        assert_eq!((at_least(&sets, 1), at_least(&sets, 3)), (set(&[(0, 12)]), vec![]));
        let near_end =
            |n: u32| (0..=n).all(|at| partition_near_end(&(0..n).collect::<Vec<_>>(), |x| *x < at) == at as usize);
        assert!((0..40).all(near_end));
        assert!(holds(&set(&[(0, 10)]), UtcMicros(9)) && !holds(&set(&[(0, 10)]), UtcMicros(10)));
    }
}
