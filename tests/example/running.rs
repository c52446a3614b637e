//! Running the example, and the numbers that several tests know.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) const SUM: f64 = 419.6166480383254;
pub(crate) const MEAN: f64 = 0.0233509542592279;
pub(crate) const BATCHMEAN: f64 = 0.233509542592279;

/// Two rows: targets (1/2, 1/2) and (1, 0) against models (1/4, 3/4) and (1/2, 1/2).
pub(crate) const TARGET: [f64; 4] = [0.5, 0.5, 1.0, 0.0];
pub(crate) const MODEL: [f64; 4] = [0.25, 0.75, 0.5, 0.5];

pub(crate) fn model_ln() -> Vec<f64> {
    MODEL.iter().map(|q| q.ln()).collect()
}

/// ½ ln 2, ½ ln ⅔, ln 2, 0.
pub(crate) fn terms() -> [f64; 4] {
    let ln2 = core::f64::consts::LN_2;
    [0.5 * ln2, 0.5 * (2.0_f64 / 3.0).ln(), ln2, 0.0]
}

/// `target/<profile>/examples/kl_div`, beside the `deps` this test runs from.
pub(crate) fn example() -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example = profile.join("examples").join(format!("kl_div{}", env::consts::EXE_SUFFIX));
    assert!(
        example.exists(),
        "{} is missing: run `cargo test`, or `cargo build --example kl_div` first",
        example.display()
    );
    example
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(example()).args(arguments).output().unwrap()
}

/// Standard output of a run that must succeed.
pub(crate) fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The one line on standard error of a run that must end with `status` and print no result.
pub(crate) fn fail(arguments: &[&str], status: i32) -> String {
    let output = run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {message}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert!(message.starts_with("kl_div: ") && !message.contains("panicked"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

pub(crate) fn close(found: f64, expected: f64, relative: f64) {
    let error = (found - expected).abs();
    assert!(error <= relative * expected.abs(), "{found} instead of {expected}");
}

/// A file of the example's data.
pub(crate) fn data(name: &str) -> String {
    format!("{}/examples/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The one number that a run prints.
pub(crate) fn loss(arguments: &[&str]) -> f64 {
    number(succeed(arguments).trim_end())
}

/// Standard error of a run that must succeed.
pub(crate) fn notes(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stderr)
}
