//! How near each kernel is to what this machine can do, measured on the spot.
//!
//! # What is measured
//! For each instruction set, kernel and working set, from the first-level cache to memory, and for
//! rows of ten: the time for an element, and the bytes that go through in it. Beside them two of the
//! machine's own limits, measured in the same run on its widest vectors: the rate at which it reads a
//! working set of that size, and the rate of independent multiply-adds in registers. Kernels have no
//! fused multiply-add, for the sake of equal bits: half of the latter is all that they can reach.
//! Instruction sets take turns, and the least of the turns counts. Before it is measured a result is
//! compared with the one of scalar code, bit for bit.
//! # Units
//! Nanoseconds for an element; 10⁹ bytes a second, reads and writes; per cent of the limits.
//! # To run it
//! ```text
//! cargo bench --bench roofline                             # all, within 3 minutes
//! cargo bench --bench roofline -- --quick                  # f32 in cache, one turn each
//! cargo bench --bench roofline -- --out FOLDER             # where roofline.json and .svg go
//! cargo bench --bench roofline -- --compare a.json b.json  # how many times faster b is
//! ```

#[path = "../support/mod.rs"]
mod support;

mod limits;
mod machine;
mod plot;
mod points;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use report::Report;

const USAGE: &str =
    "usage: cargo bench --bench roofline [-- [--quick] [--out FOLDER] [--compare A.json B.json]]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    // Cargo runs benchmarks in the package's folder.
    let mut folder = PathBuf::from("target/roofline");
    let mut quick = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What cargo adds by itself.
            "--bench" => {}
            "--quick" | "--test" => quick = true,
            "--out" => folder = arguments.next().ok_or(USAGE)?.into(),
            "--compare" => {
                let (Some(a), Some(b)) = (arguments.next(), arguments.next()) else {
                    return Err(USAGE.into());
                };
                return report::compare(Path::new(&a), Path::new(&b));
            }
            _ => return Err(format!("unknown argument {argument}\n{USAGE}")),
        }
    }
    let report = Report::measure(quick);
    report.print();
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (json, svg) = (folder.join("roofline.json"), folder.join("roofline.svg"));
    report.save(&json)?;
    plot::draw(&report, &svg)?;
    println!("\n{}\n{}", json.display(), svg.display());
    Ok(())
}
