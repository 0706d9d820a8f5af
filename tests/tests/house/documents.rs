//! What the documents point at exists, and what they show can be used.

use std::collections::BTreeSet;

use crate::repository::{TextFile, exists, files, read};

/// Folders at the top of the project: a path in a text that begins with one is meant literally.
const TOP: [&str; 8] = ["schema/", "daemon/", "adapters/", "web/", "tests/", "docs/", ".ci/", "figures/"];

/// A block of code in a document.
struct Block {
    /// What stands behind the three backquotes.
    info: String,
    /// What stands between them.
    text: String,
    /// The line of its first mark.
    line: usize,
}

/// Cuts a document into prose and blocks of code.
fn cut(document: &str) -> (String, Vec<Block>) {
    let (mut prose, mut blocks, mut open) = (String::new(), Vec::new(), None::<Block>);
    for (number, line) in document.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(info), None) => {
                open = Some(Block { info: info.trim().to_owned(), text: String::new(), line: number + 1 });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text += &format!("{line}\n");
                open = Some(block);
            }
            (None, None) => prose += &format!("{line}\n"),
        }
    }
    assert!(open.is_none(), "a block of code that is never closed");
    (prose, blocks)
}

/// The texts between a begin and an end, on one line.
fn between<'a>(text: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    let parts = text.lines().flat_map(move |line| line.split(begin).skip(1));
    parts.filter_map(move |part| part.split(end).next())
}

/// Every second part: what stands in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The folder of a file, with its `/`.
fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..=at])
}

/// Resolves `..` in a path below the project.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder(from).split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let letters = heading.trim_start_matches('#').trim().to_lowercase();
    letters
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn headings(document: &str) -> Vec<String> {
    let (prose, _) = cut(document);
    prose.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for TextFile { path, text } in files(".md") {
        let (prose, _) = cut(&text);
        for link in between(&prose, "](", ")") {
            if link.starts_with("https://") || link.starts_with("mailto:") {
                continue;
            }
            let (target, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if target.is_empty() { path.clone() } else { resolve(&path, target) };
            if !exists(&target) {
                broken.push(format!("{path}: {link}: no such file"));
            } else if !fragment.is_empty() && !headings(&read(&target)).iter().any(|h| anchor(h) == fragment) {
                broken.push(format!("{path}: {link}: no such heading"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_path_that_a_text_names_exists() {
    let mut broken = Vec::new();
    let comments = files(".rs").into_iter().map(|mut file| {
        let comment = |line: &&str| line.trim_start().starts_with("//");
        file.text = file.text.lines().filter(comment).collect::<Vec<_>>().join("\n");
        file
    });
    for TextFile { path, text } in files(".md").into_iter().chain(comments) {
        let (prose, _) = if path.ends_with(".md") { cut(&text) } else { (text, Vec::new()) };
        for named in quoted(&prose) {
            let literal = named.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            let ours = TOP.iter().any(|top| named.starts_with(top));
            if literal && ours && !exists(named) {
                broken.push(format!("{path}: `{named}`"));
            }
        }
    }
    assert!(broken.is_empty(), "no such file:\n{}", broken.join("\n"));
}

#[test]
fn every_make_target_that_a_document_names_exists() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', ' ', '#', '.']))
        .filter_map(|line| line.split_once(':'))
        .filter(|(_, rest)| !rest.starts_with('='))
        .map(|(target, _)| target)
        .collect();
    assert!(targets.contains("demo") && targets.contains("test"));
    let mut named = 0;
    for TextFile { path, text } in files(".md") {
        let (prose, blocks) = cut(&text);
        let in_blocks = blocks.iter().flat_map(|block| block.text.lines());
        for command in quoted(&prose).chain(in_blocks) {
            let Some(rest) = command.trim().strip_prefix("make ") else {
                continue;
            };
            let target = rest.split_whitespace().next().unwrap_or_default();
            assert!(targets.contains(target), "{path}: `make {target}`: no such target");
            named += 1;
        }
    }
    assert!(named >= 4, "the READMEs name `make demo` and `make test`");
}

#[test]
fn every_toml_example_is_read_by_what_reads_the_real_file() {
    let mut seen = BTreeSet::new();
    for TextFile { path, text } in files(".md") {
        let (_, blocks) = cut(&text);
        for block in blocks {
            let Some(sort) = block.info.strip_prefix("toml") else {
                continue;
            };
            let place = format!("{path}:{}", block.line);
            read_example(sort.trim(), &block.text, &place);
            seen.insert(sort.trim().to_owned());
        }
    }
    for (sort, path) in [("registers", "schema/examples/site.toml"), ("mapping", "schema/examples/mapping.toml")] {
        read_example(sort, &read(path), path);
        assert!(seen.contains(sort), "no document shows a {sort} example");
    }
}

fn read_example(sort: &str, text: &str, place: &str) {
    match sort {
        "registers" => read_registers_example(text, place),
        "mapping" => read_mapping_example(text, place),
        "config" => read_config_example(text, place),
        "log" => read_log_example(text, place),
        other => panic!("{place}: toml {other:?}: mark it registers, mapping, log or config"),
    }
}

fn read_log_example(text: &str, place: &str) {
    if let Err(error) = kukaku_codec::logs::Rules::parse(text, place) {
        panic!("{error}");
    }
}

fn read_registers_example(text: &str, place: &str) {
    if let Err(error) = kukaku_schema::registers::parse(text, place) {
        panic!("{error}");
    }
}

fn read_mapping_example(text: &str, place: &str) {
    if let Err(error) = kukaku_codec::files::Mapping::parse(text, place) {
        panic!("{error}");
    }
}

fn read_config_example(text: &str, place: &str) {
    if let Err(error) = kukaku::config::parse(text, place, std::path::Path::new("/")) {
        panic!("{error}");
    }
}

#[test]
fn the_manual_names_every_command() {
    let source = read("daemon/kukaku/src/cli.rs");
    let commands = source
        .lines()
        .skip_while(|line| *line != "pub enum Command {")
        .take_while(|line| *line != "}")
        .filter_map(|line| line.strip_prefix("    ")?.split_once('(').map(|(name, _)| name))
        .filter(|name| name.chars().all(char::is_alphanumeric))
        .map(|name| {
            name.char_indices().fold(String::new(), |mut out, (at, letter)| {
                if at > 0 && letter.is_uppercase() {
                    out.push('-');
                }
                out.extend(letter.to_lowercase());
                out
            })
        });
    let commands: Vec<String> = commands.collect();
    assert!(commands.len() >= 10, "found only {commands:?}");
    let manual = read("daemon/kukaku/dist/kukaku.1");
    let listed: Vec<&str> = manual
        .lines()
        .skip_while(|line| *line != ".SH COMMANDS")
        .take_while(|line| *line != ".SH EXIT STATUS")
        .filter_map(|line| line.strip_prefix(".B "))
        .collect();
    let listed: Vec<String> = listed.iter().map(|name| name.replace("\\-", "-")).collect();
    assert_eq!(listed, commands);
}

/// Both languages tell the same: the same shape, the same commands, the same links.
#[test]
fn both_readmes_have_the_same_content() {
    let (japanese, english) = (read("README.ja.md"), read("README.md"));
    let shape = |document: &str| -> Vec<String> {
        let levels = headings(document).into_iter();
        levels.map(|h| h.chars().take_while(|c| *c == '#').collect()).collect()
    };
    assert_eq!(shape(&japanese), shape(&english), "headings");
    let commands = |document: &str| -> Vec<String> {
        let uncommented = |line: &str| line.split(" #").next().unwrap_or_default().trim_end().to_owned();
        let (_, blocks) = cut(document);
        blocks
            .iter()
            .filter(|block| block.info == "sh")
            .flat_map(|block| block.text.lines().map(uncommented).collect::<Vec<_>>())
            .collect()
    };
    assert_eq!(commands(&japanese), commands(&english), "commands");
    let links = |document: &str| -> BTreeSet<String> {
        let (prose, _) = cut(document);
        let own = |link: &str| !link.starts_with("README") && !link.contains('#');
        between(&prose, "](", ")").filter(|link| own(link)).map(str::to_owned).collect()
    };
    assert_eq!(links(&japanese), links(&english), "links");
}

#[test]
fn both_readmes_begin_with_the_two_commands() {
    for path in ["README.md", "README.ja.md"] {
        let (_, blocks) = cut(&read(path));
        let first = blocks.first().map(|block| block.text.clone()).unwrap_or_default();
        let commands: Vec<&str> = first.lines().filter(|l| l.starts_with("make ")).collect();
        assert!(
            commands.len() == 2 && commands[0].starts_with("make demo") && commands[1].starts_with("make test"),
            "{path}: {first}"
        );
    }
}
