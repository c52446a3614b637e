//! The table and the chart.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use crate::contest::Row;

/// Who all others are compared with; each file of results has its own.
const US: &str = "kldiv";

struct Entry {
    row: Row,
    /// kldiv's nanoseconds for an element in the same run.
    beside: f64,
    /// How many times as long as that it takes.
    ratio: f64,
}

pub(crate) fn write(inputs: &[&str], folder: &str) -> Result<(), String> {
    let mut entries = Vec::new();
    for path in inputs {
        let text = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        let rows: Vec<Row> =
            serde_json::from_slice(&text).map_err(|error| format!("{path}: {error}"))?;
        let ours: Vec<(String, String, usize, f64)> = rows
            .iter()
            .filter(|row| row.name == US)
            .map(|row| (row.number.clone(), row.form.clone(), row.n, row.nanoseconds))
            .collect();
        for row in rows {
            let same = ours
                .iter()
                .find(|(number, form, n, _)| (number, form, *n) == (&row.number, &row.form, row.n));
            let (.., time) = same.ok_or_else(|| format!("{path}: {US} is missing"))?;
            let (beside, ratio) = (*time, row.nanoseconds / time);
            // Of kldiv the first file's figure stands for all.
            if row.name != US || *path == inputs[0] {
                entries.push(Entry { row, beside, ratio });
            }
        }
    }
    let save = |name: &str, text: String| {
        let path = format!("{folder}/{name}");
        fs::write(&path, text).map_err(|error| format!("{path}: {error}"))
    };
    save("results.md", table(&entries))?;
    save("results.svg", chart(&entries))
}

/// What was measured: the number type, the form, the elements.
type Section<'a> = (&'a str, usize, &'a str);

fn sections(entries: &[Entry]) -> BTreeSet<Section<'_>> {
    let section = |row| {
        let Row { number, n, form, .. }: &Row = row;
        (number.as_str(), *n, form.as_str())
    };
    entries.iter().map(|entry| section(&entry.row)).collect()
}

fn of<'a>(entries: &'a [Entry], (number, n, form): Section<'_>) -> Vec<&'a Entry> {
    let mut all: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.row.number == number && entry.row.n == n && entry.row.form == form)
        .collect();
    all.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
    all
}

fn formula(form: &str) -> &'static str {
    if form == "log_target" { "Σ eᵗ(t − x)" } else { "Σ p(ln p − x)" }
}

fn title((number, n, form): Section<'_>) -> String {
    format!("{}, {number}, n = {}", formula(form), grouped(n))
}

/// 16777216 as 16,777,216.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn table(entries: &[Entry]) -> String {
    let mut text = String::new();
    for section in sections(entries) {
        let _ = writeln!(text, "\n### {}\n", title(section));
        text.push_str(
            "| | times kldiv's time | ns an element | kldiv's in the same run | relative error |\n|---|---|---|---|---|\n",
        );
        for Entry { row, beside, ratio } in of(entries, section) {
            let Row { name, nanoseconds, error, .. } = row;
            let _ = writeln!(
                text,
                "| {name} | {ratio:.2} | {nanoseconds:.3} | {beside:.3} | {error:.1e} |"
            );
        }
    }
    text
}

/// Bars of the ratios, in cache and in memory, for both forms in f32.
fn chart(entries: &[Entry]) -> String {
    const WIDTH: f64 = 860.0;
    const LEFT: f64 = 190.0;
    const BAR: f64 = 430.0;
    const ROW: f64 = 21.0;
    let shown: Vec<Section<'_>> = sections(entries)
        .into_iter()
        .filter(|&(number, n, _)| number == "f32" && (n == 4_096 || n == 1 << 24))
        .collect();
    let mut body = String::new();
    let mut y = 30.0;
    for section in shown {
        let rows = of(entries, section);
        let longest = rows.iter().map(|entry| entry.ratio).fold(0.0, f64::max);
        let _ = writeln!(
            body,
            r#"<text x="10" y="{y:.0}" class="title">{}: times kldiv’s time</text>"#,
            title(section)
        );
        y += 10.0;
        for Entry { row, ratio, .. } in rows {
            let length = (BAR * ratio / longest).max(1.0);
            let class = if row.name == US { "us" } else { "them" };
            let (text, right) = (y + 14.0, LEFT + length + 6.0);
            let _ = writeln!(
                body,
                r#"<text x="{:.0}" y="{text:.0}" text-anchor="end">{}</text>"#,
                LEFT - 8.0,
                row.name
            );
            let _ = writeln!(
                body,
                r#"<rect x="{LEFT}" y="{:.0}" width="{length:.1}" height="15" class="{class}"/>"#,
                y + 2.0
            );
            let _ = writeln!(
                body,
                r#"<text x="{right:.0}" y="{text:.0}">{ratio:.1}, error {:.0e}</text>"#,
                row.error
            );
            y += ROW;
        }
        y += 28.0;
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0} {y:.0}" font-family="sans-serif" font-size="13">
<style>text {{ fill: #222 }} .title {{ font-weight: bold }} .us {{ fill: #d55e00 }} .them {{ fill: #7a9cc0 }}</style>
<rect width="100%" height="100%" fill="white"/>
{body}</svg>
"#
    )
}
