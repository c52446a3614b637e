//! The plan of `src/README.md` holds: a file uses what stands on lower floors, and nothing else.
//!
//! Read as text. Every path that begins with `crate::` or `super::`, in code and not in comments, is followed to the
//! file it names. A file that re-exports what its own folder holds counts as the place of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The floor of each entry, a file or a folder, as the plan has it.
fn plan() -> BTreeMap<String, usize> {
    let text = fs::read_to_string("src/README.md").expect("the plan");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let floors = rows.filter_map(|(floor, rest)| Some((floor.trim().parse().ok()?, rest)));
    let entries = floors.flat_map(|(floor, rest)| {
        let names = rest.split(" | ").next().unwrap_or_default();
        names.split('`').skip(1).step_by(2).map(move |name| (name.to_owned(), floor))
    });
    entries.collect()
}

/// All source files below a folder.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix("src").expect("below src").to_string_lossy();
            found.push(name.replace('\\', "/"));
        }
    }
}

/// The floor of a file: that of its longest entry.
fn floor(plan: &BTreeMap<String, usize>, file: &str) -> Option<usize> {
    let holds = |entry: &str| file == entry || entry.ends_with('/') && file.starts_with(entry);
    let entries = plan.iter().filter(|(entry, _)| holds(entry));
    entries.max_by_key(|(entry, _)| entry.len()).map(|(_, &floor)| floor)
}

/// Code without comments and strings, in words and signs.
fn tokens(code: &str) -> Vec<String> {
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut tokens = Vec::new();
    let mut word = String::new();
    for sign in lines.flat_map(|line| line.chars().chain(['\n'])) {
        if sign.is_alphanumeric() || sign == '_' {
            word.push(sign);
            continue;
        }
        if !word.is_empty() {
            tokens.push(core::mem::take(&mut word));
        }
        if !sign.is_whitespace() {
            tokens.push(sign.to_string());
        }
    }
    tokens
}

/// The paths that start at `at` and go on after `path`, a tree of braces unfolded; where they end.
fn unfold(
    tokens: &[String],
    mut at: usize,
    path: &[String],
    found: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = path.to_vec();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    let next = unfold(tokens, at, &path, found);
                    at = next.max(at + 1) + usize::from(tokens.get(next).is_some_and(|t| t == ","));
                }
                return at + 1;
            }
            Some(word) if word.chars().all(|sign| sign.is_alphanumeric() || sign == '_') => {
                path.push(word.to_owned());
                at += 1;
            }
            _ => break,
        }
        if tokens.get(at..at + 2).is_some_and(|signs| signs == [":", ":"]) {
            at += 2;
        } else {
            break;
        }
    }
    found.push(path);
    at
}

/// The file of a module's path, as far as the path names modules.
fn file_of(path: &[String], files: &[String]) -> Option<String> {
    let longest = (1..=path.len()).rev().map(|length| path[..length].join("/") + ".rs");
    longest.into_iter().find(|file| files.contains(file))
}

/// What a file uses: the files that its paths name.
fn uses(file: &str, files: &[String]) -> Vec<String> {
    let code = fs::read_to_string(Path::new("src").join(file)).expect("a source file");
    let tokens = tokens(&code);
    let module: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let mut paths = Vec::new();
    // For each open brace whether it is that of a module, whose parent is this file.
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => open.push(tokens[at.saturating_sub(3)..at].iter().any(|token| token == "mod")),
            "}" => drop(open.pop()),
            _ => {}
        }
        let follows = tokens.get(at + 1..at + 3).is_some_and(|signs| signs == [":", ":"]);
        let begins = at == 0 || tokens[at - 1] != ":";
        if !(follows && begins) {
            continue;
        }
        match token.as_str() {
            "crate" => {
                unfold(&tokens, at + 3, &[], &mut paths);
            }
            "super" if !open.contains(&true) => {
                unfold(&tokens, at + 3, &module[..module.len() - 1], &mut paths);
            }
            _ => {}
        }
    }
    paths.iter().filter_map(|path| file_of(path, files)).filter(|used| used != file).collect()
}

#[test]
fn files_use_lower_floors_alone() {
    let plan = plan();
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut wrong = Vec::new();
    let mut followed = 0;
    for file in &files {
        let Some(own) = floor(&plan, file) else {
            wrong.push(format!("{file} has no floor"));
            continue;
        };
        for used in uses(file, &files) {
            followed += 1;
            match floor(&plan, &used) {
                Some(other) if other < own => {}
                other => wrong.push(format!("{file} (floor {own}) uses {used} (floor {other:?})")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(followed > 150, "only {followed} paths were followed");
    let entries = plan.keys().filter(|entry| !Path::new("src").join(entry).exists());
    assert_eq!(entries.collect::<Vec<_>>(), Vec::<&String>::new(), "in the plan, but not there");
}
