//! Compares every result with the table of `tests/bits_table`, bit for bit.
#![no_std]
#![no_main]

#[path = "../../../bits_table/cases.rs"]
mod cases;
#[rustfmt::skip]
#[path = "../../../bits_table/table.rs"]
mod table;

use core::fmt::{self, Write};

use cases::{Case, Space};
use firmware as _;
use kldiv::Isa;
use semihosting::{println, process};
use table::TABLE;

const TARGET: &str = env!("TARGET");

static mut SINGLE: Space<f32> = Space::new(0.0);
static mut DOUBLE: Space<f64> = Space::new(0.0);

/// Walks the table along with the results.
struct Check {
    rows: core::slice::Iter<'static, (&'static str, &'static [u64])>,
    deviations: usize,
}

impl Check {
    fn compare(&mut self, case: Case, found: &[u64]) {
        let Some(&(name, expected)) = self.rows.next() else {
            println!("{TARGET}, {case}: not in the table");
            self.deviations += 1;
            return;
        };
        if !is_written_as(case, name) || found != expected {
            println!("{TARGET}, {case}: {found:x?}, the table has {name}: {expected:x?}");
            self.deviations += 1;
        }
    }
}

/// Whether `case` writes out as `name`; there is no memory to write it to.
fn is_written_as(case: Case, name: &str) -> bool {
    struct Rest<'a>(&'a str);
    impl Write for Rest<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    let mut rest = Rest(name);
    write!(rest, "{case}").is_ok() && rest.0.is_empty()
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    // SAFETY: the only thread, and the only use.
    let (single, double) = unsafe { (&mut *(&raw mut SINGLE), &mut *(&raw mut DOUBLE)) };
    let isa = Isa::best();
    let mut check = Check { rows: TABLE.iter(), deviations: 0 };
    let mut report = |case: Case, found: &[u64]| check.compare(case, found);
    cases::elementwise(isa, single, &mut report).unwrap();
    cases::elementwise(isa, double, &mut report).unwrap();
    cases::logits(single, &mut report).unwrap();
    cases::logits(double, &mut report).unwrap();
    cases::distillation(isa, single, &mut report).unwrap();
    cases::distillation(isa, double, &mut report).unwrap();
    let missing = check.rows.len();
    println!(
        "{TARGET}, {isa}: {} results compared, {} deviations, {missing} missing",
        TABLE.len() - missing,
        check.deviations
    );
    process::exit(i32::from(check.deviations + missing > 0))
}
