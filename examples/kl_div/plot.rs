//! The histogram as a picture, and files that are whole or not there.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use plotters::prelude::*;

use crate::Failure;
use crate::histogram::brief;
use crate::statistics::Summary;

const SIZE: (u32, u32) = (900, 480);
const BARS: RGBColor = RGBColor(86, 180, 233);
const MARKS: RGBColor = RGBColor(213, 94, 0);

/// Whether a file can be put there, before hours have gone into it.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let name = path.display();
    let folder = folder_of(path);
    if path.is_dir() || path.file_name().is_none() {
        return Err(Failure::Data(format!("{name}: is a directory, not a file to draw into")));
    }
    if !folder.is_dir() {
        return Err(Failure::Data(format!("{name}: there is no directory {}", folder.display())));
    }
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

pub(crate) fn write(summary: &Summary, path: &Path) -> Result<(), Failure> {
    let mut picture = String::new();
    draw(summary, &mut picture)
        .map_err(|error| Failure::Data(format!("{}: {error}", path.display())))?;
    write_whole(path, picture.as_bytes())
        .map_err(|error| Failure::Data(format!("{}: cannot be written: {error}", path.display())))
}

/// Nobody ever sees a part of the file: it is written beside its place, then moved there.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder_of(path).join(format!(".{name}.{}.part", std::process::id()));
    let written = File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

type Drawn = Result<(), Box<dyn core::error::Error>>;

/// Bars of one width, whatever their limits: these grow by tens.
fn draw(summary: &Summary, picture: &mut String) -> Drawn {
    let bars = &summary.histogram;
    let most = bars.iter().map(|bar| bar.rows).max().unwrap_or(0).max(1) as f64;
    let area = SVGBackend::with_string(picture, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("{}, {} rows", summary.title(), summary.rows);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..bars.len().max(1) as f64, 0.0..most * 1.12)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_desc("loss of a row")
        .y_desc("rows")
        .x_labels(bars.len() + 1)
        .x_label_formatter(&|&place| {
            let at = place.round() as usize;
            if (place - at as f64).abs() > 1e-6 {
                return String::new();
            }
            let from = bars.get(at).map(|bar| bar.from);
            from.or_else(|| bars.last().map(|bar| bar.to)).map_or(String::new(), brief)
        })
        .y_label_formatter(&|&rows| brief(rows))
        .draw()?;
    chart.draw_series(bars.iter().enumerate().map(|(place, bar)| {
        let (left, right) = (place as f64 + 0.06, place as f64 + 0.94);
        Rectangle::new([(left, 0.0), (right, bar.rows as f64)], BARS.filled())
    }))?;
    let marks = [
        ("median", summary.median),
        ("mean", summary.mean),
        ("99th percentile", summary.percentile_99),
    ];
    for (line, (name, value)) in marks.into_iter().enumerate() {
        let Some(place) = place(summary, value) else {
            continue;
        };
        let height = most * (1.11 - 0.045 * line as f64);
        chart
            .draw_series(LineSeries::new([(place, 0.0), (place, height)], MARKS.stroke_width(2)))?;
        let text = format!(" {name} {}", brief(value));
        chart.draw_series([Text::new(text, (place, height), ("sans-serif", 13))])?;
    }
    area.present()?;
    Ok(())
}

/// Where a loss stands among the bars.
fn place(summary: &Summary, loss: f64) -> Option<f64> {
    let within = summary.histogram.iter().position(|bar| bar.from <= loss && loss < bar.to)?;
    let bar = &summary.histogram[within];
    let share = if bar.from > 0.0 && bar.to / bar.from > 1.5 {
        (loss / bar.from).ln() / (bar.to / bar.from).ln()
    } else {
        (loss - bar.from) / (bar.to - bar.from)
    };
    Some(within as f64 + if share.is_finite() { share } else { 0.5 })
}
