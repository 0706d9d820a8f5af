//! Templates: `card:{名前}`, with `{{` and `}}` for braces.

use super::rule::Part;

/// Cuts a template into its parts; `slot` gives the slot of a named column.
///
/// # Errors
/// A sentence that says which brace is wrong.
pub(crate) fn parse(template: &str, mut slot: impl FnMut(&str) -> usize) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            literal.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(format!("template {template:?}: a lone }}; write }}}} for a brace"));
        }
        let Some((name, after)) = rest.split_once('}') else {
            return Err(format!("template {template:?}: {{ without }}; write {{{{ for a brace"));
        };
        let name = name.trim();
        if name.is_empty() || name.contains('{') {
            return Err(format!("template {template:?}: expected the name of a column between {{ and }}"));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal).into()));
        }
        parts.push(Part::Slot(slot(name)));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.into()));
    }
    if parts.iter().any(|part| matches!(part, Part::Slot(_))) {
        Ok(parts)
    } else {
        Err(format!("template {template:?} names no column; write `constant` for a fixed text"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shown(template: &str) -> Result<String, String> {
        let mut names = Vec::new();
        let parts = parse(template, |name| {
            names.push(name.to_owned());
            names.len() - 1
        })?;
        Ok(parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => format!("[{text}]"),
                Part::Slot(slot) => format!("<{}>", names[*slot]),
            })
            .collect())
    }

    #[test]
    fn columns_and_braces_are_told_apart() {
        assert_eq!(shown("card:{名前}").unwrap(), "[card:]<名前>");
        assert_eq!(shown("{zone}-{ dir }").unwrap(), "<zone>[-]<dir>");
        assert_eq!(shown("{{{a}}}").unwrap(), "[{]<a>[}]");
    }

    #[test]
    fn a_brace_that_is_never_closed_is_named() {
        for wrong in ["{a", "a}", "{}", "{a{b}", "plain", ""] {
            assert!(shown(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
