//! The wire format: its published schemas, its examples and its documentation agree with the
//! code that reads it.

use std::collections::BTreeSet;
use std::fs;

use kukaku_schema::observation::{json_schemas, parse_observation};
use kukaku_schema::{Kind, Observation, Refusal, UtcMicros};
use serde_json::{Map, Value};

use crate::repository::{files, read, root};

fn schema_path(word: &str) -> String {
    format!("schema/wire/{word}.schema.json")
}

/// With `KUKAKU_BLESS=1` the files are written anew instead: look at the difference.
#[test]
fn the_published_schemas_are_those_of_the_types() {
    let bless = std::env::var_os("KUKAKU_BLESS").is_some_and(|value| value == "1");
    for (word, schema) in json_schemas() {
        let path = schema_path(word);
        let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
        let generated = format!("{text}\n");
        if bless {
            fs::write(root().join(&path), &generated).expect("write the schema");
        }
        let published = fs::read_to_string(root().join(&path)).unwrap_or_default();
        assert!(published == generated, "{path} is not what the types say; KUKAKU_BLESS=1 writes it anew");
    }
    let known: BTreeSet<String> = Kind::ALL.iter().map(|kind| schema_path(kind.word())).collect();
    let found: BTreeSet<String> = files(".schema.json").into_iter().map(|f| f.path).collect();
    assert_eq!(found, known, "a schema without its kind");
}

#[test]
fn every_kind_has_an_example_that_is_read_and_that_its_schema_allows() {
    let mut shown = BTreeSet::new();
    for file in files(".json") {
        if !file.path.starts_with("schema/wire/examples/") {
            continue;
        }
        let value: Value = serde_json::from_str(&file.text).expect("an example is JSON");
        let observation: Observation =
            serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        let kind = observation.kind();
        match parse_observation(file.text.trim_end().as_bytes()) {
            Ok(parsed) => assert_eq!(parsed, observation),
            // Those that only kukaku makes are shown too, and refused from outside.
            Err(Refusal::Internal(word)) => assert!(kind.is_internal(), "{word}"),
            Err(refusal) => panic!("{}: {refusal}", file.path),
        }
        let schema: Value = serde_json::from_str(&read(&schema_path(kind.word()))).expect("JSON");
        if let Err(why) = allows(&schema, &schema, &value) {
            panic!("{}: {why}", file.path);
        }
        shown.insert(kind);
    }
    let missing: Vec<&str> = Kind::ALL.iter().filter(|kind| !shown.contains(kind)).map(|kind| kind.word()).collect();
    assert!(missing.is_empty(), "no example of {missing:?}");
}

/// The schemas are not only decoration: what they refuse is refused by the reader too.
#[test]
fn what_the_schemas_refuse_the_reader_refuses() {
    let schema: Value = serde_json::from_str(&read(&schema_path("door.reading"))).expect("JSON");
    let example: Value = serde_json::from_str(&read("schema/wire/examples/door.reading.json")).expect("JSON");
    assert_eq!(allows(&schema, &schema, &example), Ok(()));
    let cases: [(&str, Option<Value>); 8] = [
        ("credentail", Some("card:1".into())),
        ("source", None),
        ("source", Some("".into())),
        ("source", Some("x".repeat(257).into())),
        ("seq", Some((-1).into())),
        ("result", Some("maybe".into())),
        ("device_time", Some("2026-11-22 09:00".into())),
        ("factors", Some("card".into())),
    ];
    for (field, value) in cases {
        let mut changed = example.clone();
        let object = changed.as_object_mut().expect("an object");
        match value {
            Some(value) => drop(object.insert(field.to_owned(), value)),
            None => drop(object.remove(field)),
        }
        assert!(allows(&schema, &schema, &changed).is_err(), "schema allows {changed}");
        assert!(parse_observation(changed.to_string().as_bytes()).is_err(), "read: {changed}");
    }
}

/// Each field of each kind is explained: a row `| field |` below the heading of its kind.
#[test]
fn every_field_is_in_the_documentation() {
    let document = read("schema/wire/README.md");
    let common = section(&document, "## Fields of every observation");
    let mut missing = Vec::new();
    for (word, schema) in json_schemas() {
        let own = section(&document, &format!("### `{word}`"));
        let schema = serde_json::to_value(schema).expect("a schema is JSON");
        for field in schema["properties"].as_object().expect("an object's schema").keys() {
            let row = format!("| `{field}` |");
            if !own.contains(&row) && !common.contains(&row) {
                missing.push(format!("{word}: {row}"));
            }
        }
    }
    assert!(missing.is_empty(), "schema/wire/README.md lacks:\n{}", missing.join("\n"));
}

/// What stands between a heading and the next of its level or above.
fn section(document: &str, heading: &str) -> String {
    let level = heading.split(' ').next().unwrap_or_default();
    let mut lines = document.lines().skip_while(|line| *line != heading);
    let found = lines.next();
    assert!(found.is_some(), "schema/wire/README.md has no heading {heading:?}");
    let ends = |line: &&str| {
        let hashes = line.split(' ').next().unwrap_or_default();
        hashes.starts_with('#') && hashes.len() <= level.len()
    };
    lines.take_while(|line| !ends(line)).collect::<Vec<_>>().join("\n")
}

/// Checks a value by the part of JSON Schema that the published schemas use; any other keyword
/// fails, lest it be taken for checked.
fn allows(whole: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let Some(rules) = schema.as_object() else {
        return Err(format!("{schema} is no schema"));
    };
    for (keyword, rule) in rules {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" => true,
            "$ref" => {
                let name = rule.as_str().and_then(|r| r.strip_prefix("#/$defs/")).unwrap_or("");
                return_if_bad(allows(whole, &whole["$defs"][name], value))?
            }
            "const" => rule == value,
            "enum" => list(rule).contains(value),
            "type" => list(rule).iter().any(|word| is_of_type(word, value)),
            "anyOf" => list(rule).iter().any(|one| allows(whole, one, value).is_ok()),
            "oneOf" => list(rule).iter().filter(|one| allows(whole, one, value).is_ok()).count() == 1,
            "properties" | "required" | "additionalProperties" => return_if_bad(allows_object(whole, rules, value))?,
            "items" => {
                let parts = value.as_array().cloned().unwrap_or_default();
                parts.iter().try_for_each(|part| allows(whole, rule, part))?;
                true
            }
            "minLength" => text(value).chars().count() as u64 >= number(rule),
            "maxLength" => text(value).chars().count() as u64 <= number(rule),
            "minimum" => value.as_f64().is_none_or(|v| Some(v) >= rule.as_f64()),
            "maximum" => value.as_f64().is_none_or(|v| Some(v) <= rule.as_f64()),
            "pattern" => regex::Regex::new(text(rule)).expect("a pattern").is_match(text(value)),
            "format" => match text(rule) {
                "date-time" => UtcMicros::parse_rfc3339(text(value)).is_ok(),
                "uint64" => value.is_null() || value.is_u64(),
                "int64" => value.is_null() || value.is_i64(),
                other => return Err(format!("format {other} is not checked")),
            },
            other => return Err(format!("keyword {other} is not checked")),
        };
        if !holds {
            return Err(format!("{value} breaks {keyword}: {rule}"));
        }
    }
    Ok(())
}

fn return_if_bad(result: Result<(), String>) -> Result<bool, String> {
    result.map(|()| true)
}

fn allows_object(whole: &Value, rules: &Map<String, Value>, value: &Value) -> Result<(), String> {
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    for name in rules.get("required").map(list).unwrap_or_default() {
        if !object.contains_key(text(&name)) {
            return Err(format!("{name} is missing"));
        }
    }
    for (name, part) in object {
        match rules.get("properties").and_then(|all| all.get(name)) {
            Some(rule) => allows(whole, rule, part).map_err(|why| format!("{name}: {why}"))?,
            None if rules.get("additionalProperties") == Some(&Value::Bool(false)) => {
                return Err(format!("{name} is unknown"));
            }
            None => {}
        }
    }
    Ok(())
}

fn list(rule: &Value) -> Vec<Value> {
    rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a length")
}

fn is_of_type(word: &Value, value: &Value) -> bool {
    match text(word) {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
