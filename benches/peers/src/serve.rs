//! kldiv for a rival in another process: on its data, in turns with it.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

use kldiv::{Input, KlDiv, Target};

/// Numbers as they lie in memory, little-endian.
fn read(folder: &str, name: &str) -> Result<Vec<f32>, String> {
    let path = format!("{folder}/{name}");
    let bytes = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect())
}

/// Reads `x`, `p` and `ln_p` from the folder. Each line that comes in is `plain CALLS` or
/// `log_target CALLS`; the answer is the nanoseconds for all those calls and the sum. A call before
/// them is not timed.
pub(crate) fn serve(folder: &str) -> Result<(), String> {
    let (x, p, ln_p) = (read(folder, "x")?, read(folder, "p")?, read(folder, "ln_p")?);
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let (form, calls) = line.split_once(' ').ok_or("a form and a number of calls, please")?;
        let calls: usize = calls.parse().map_err(|error| format!("{calls}: {error}"))?;
        let log_target = form == "log_target";
        let call = || {
            let target = if log_target {
                Target::LogProbs(black_box(&ln_p[..]))
            } else {
                Target::Probs(black_box(&p[..]))
            };
            let kl = KlDiv::new(Input::LogProbs(black_box(&x[..])), target);
            black_box(kl.expect("one length").sum())
        };
        let mut sum = call();
        let start = Instant::now();
        for _ in 0..calls {
            sum = call();
        }
        let time = start.elapsed().as_nanos();
        writeln!(out, "{time} {sum}")
            .and_then(|()| out.flush())
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}
