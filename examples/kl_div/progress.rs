//! How far it is, on a terminal, once it takes long.

use core::time::Duration;
use std::io::{self, IsTerminal};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

const LONG: Duration = Duration::from_secs(1);

/// Bytes that have been read.
pub(crate) struct Progress {
    begin: Instant,
    done: u64,
    all: u64,
    /// There is somebody to see it, and no result between whose lines it would stand.
    is_wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(all: u64, prints_as_it_goes: bool) -> Self {
        let is_free = !(prints_as_it_goes && io::stdout().is_terminal());
        let is_wanted = is_free && io::stderr().is_terminal();
        Self { begin: Instant::now(), done: 0, all, is_wanted, bar: None }
    }

    pub(crate) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.is_wanted && self.bar.is_none() && self.begin.elapsed() >= LONG {
            let bar = ProgressBar::new(self.all).with_elapsed(self.begin.elapsed());
            let template = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done.min(self.all));
        }
    }

    /// A line that does not land in the middle of the bar.
    pub(crate) fn note(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| crate::note(message)),
            None => crate::note(message),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
