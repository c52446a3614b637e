//! The report on the built-in data, and the help.

use std::env;
use std::process::Command;

use kldiv::Isa;

use crate::running::{BATCHMEAN, MEAN, SUM, close, example, number, succeed};

#[test]
fn report_meets_every_known_value() {
    let report = succeed(&[]);
    assert!(!report.contains("FAILED"), "{report}");
    let met = report.lines().filter(|line| line.ends_with(" ok")).count();
    assert_eq!(met, 5 * 2 + 1, "five values in two types, and equal bits\n{report}");
    let named =
        ["sum", "mean", "batchmean", "batchmean at temperature 4", "cross-entropy with the labels"];
    for name in named {
        let heads = |line: &&str| line.starts_with(&format!("{name}  ")) && line.ends_with(" ok");
        assert_eq!(report.lines().filter(heads).count(), 1, "{name}\n{report}");
    }
}

#[test]
fn report_shows_the_loss_under_each_reduction() {
    let report = succeed(&[]);
    for (name, known) in [("sum", SUM), ("mean", MEAN), ("batchmean", BATCHMEAN)] {
        let line = report.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        close(number(line.split_whitespace().nth(1).unwrap()), known, 1e-6);
    }
}

#[test]
fn report_splits_the_loss_by_class() {
    let report = succeed(&[]);
    let rows: Vec<Vec<&str>> =
        report.lines().map(|line| line.split_whitespace().collect()).collect();
    let rows: Vec<&Vec<&str>> = (0..10)
        .map(|class| {
            rows.iter().find(|row| row.first() == Some(&class.to_string().as_str())).unwrap()
        })
        .collect();
    let column: f64 = rows.iter().map(|row| number(row[1])).sum();
    close(column, SUM, 1e-5);
    let images: f64 = rows.iter().map(|row| number(row[2])).sum();
    assert_eq!(images, 1797.0);
    let by_image: f64 = rows.iter().map(|row| number(row[2]) * number(row[3])).sum();
    close(by_image, SUM, 1e-3);
}

#[test]
fn report_names_each_instruction_set_with_the_same_bits() {
    let report = succeed(&[]);
    let mut found = Vec::new();
    for isa in Isa::available() {
        let line = report.lines().find(|line| line.starts_with(&format!("{isa} "))).unwrap();
        let columns: Vec<&str> = line.split_whitespace().collect();
        assert!(number(columns[2]) > 0.0, "{line}");
        found.push(columns[1].to_owned());
    }
    found.dedup();
    assert_eq!(found.len(), 1, "{report}");
}

#[test]
fn report_does_not_depend_on_the_working_directory() {
    let output = Command::new(example()).current_dir(env::temp_dir()).output().unwrap();
    assert!(output.status.success());
}

#[test]
fn help_goes_to_standard_output() {
    for argument in ["--help", "-h"] {
        let help = succeed(&[argument]);
        for word in [
            "INPUT.npy",
            "TARGET.npy",
            "--reduction",
            "--log-target",
            "--logits",
            "--input",
            "--target",
            "--labels",
            "--classes",
            "--bf16",
            "--divergence",
            "--temperature",
            "--distance",
            "--base",
            "--isa",
            "--statistics",
            "--json",
            "--plot",
            "Examples:",
        ] {
            assert!(help.contains(word), "{word} is missing in\n{help}");
        }
    }
}
