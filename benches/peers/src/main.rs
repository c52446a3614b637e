//! Rivals beside kldiv: `Σ p·(ln p − ln q)` on the same data, one thread, in one process; medians of
//! interleaved turns, and the error of each against f64. `bash run` in this folder does all of it.
//!
//! ```text
//! peers measure OUT.json            rivals written in Rust or linked here
//! peers serve FOLDER                kldiv for torch_scipy.py, turn by turn
//! peers report IN.json... FOLDER    the table and the chart
//! ```

mod contest;
mod report;
mod rivals;
mod serve;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["measure", out] => rivals::measure(out),
        ["serve", folder] => serve::serve(folder),
        ["report", ref ins @ .., folder] if !ins.is_empty() => report::write(ins, folder),
        _ => Err("usage: peers measure OUT.json | serve FOLDER | report IN.json... FOLDER".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
