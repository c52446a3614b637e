//! The rates over the size of the working set, under the rate at which the machine reads.

use std::collections::BTreeSet;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::points::{Limits, Point};
use crate::report::Report;

const PANEL: (u32, u32) = (330, 270);
const HEADING: u32 = 60;

/// One panel for each type and each kernel that was measured at several lengths.
pub(crate) fn draw(report: &Report, path: &Path) -> Result<(), String> {
    draw_all(report, path).map_err(|error| format!("{}: {error}", path.display()))
}

type Failure = Box<dyn core::error::Error>;

fn draw_all(report: &Report, path: &Path) -> Result<(), Failure> {
    let mut kernels: Vec<&str> = Vec::new();
    for point in &report.points {
        if !point.kernel.ends_with("_of_10") && !kernels.contains(&point.kernel.as_str()) {
            kernels.push(&point.kernel);
        }
    }
    let (columns, rows) = (kernels.len(), report.limits.len());
    let size = (PANEL.0 * columns as u32, PANEL.1 * rows as u32 + HEADING);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    let (heading, panels) = area.split_vertically(HEADING);
    draw_heading(report, &heading)?;
    let panels = panels.split_evenly((rows, columns));
    for (limits, row) in report.limits.iter().zip(panels.chunks(columns)) {
        for (kernel, panel) in kernels.iter().zip(row) {
            draw_panel(report, limits, kernel, panel)?;
        }
    }
    area.present()?;
    Ok(())
}

/// Colours that are told apart without red and green.
fn colour(isa: &str) -> RGBColor {
    match isa {
        "scalar" => RGBColor(140, 140, 140),
        "sse2" | "simd128" => RGBColor(86, 180, 233),
        "avx2" | "neon" => RGBColor(0, 114, 178),
        _ => RGBColor(213, 94, 0),
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_heading(report: &Report, area: &Area<'_>) -> Result<(), Failure> {
    let title = format!("{}: bytes read and written, over the working set", report.cpu);
    area.draw(&Text::new(title, (12, 8), ("sans-serif", 17)))?;
    let isas: BTreeSet<&str> = report.points.iter().map(|point| point.isa.as_str()).collect();
    let mut left = 14;
    for isa in isas {
        area.draw(&Rectangle::new([(left, 38), (left + 18, 42)], colour(isa).filled()))?;
        area.draw(&Text::new(isa.to_owned(), (left + 24, 33), ("sans-serif", 14)))?;
        left += 90;
    }
    area.draw(&Rectangle::new([(left, 38), (left + 18, 42)], BLACK.filled()))?;
    area.draw(&Text::new(
        "plain reads, this machine's limit",
        (left + 24, 33),
        ("sans-serif", 14),
    ))?;
    Ok(())
}

fn draw_panel(
    report: &Report,
    limits: &Limits,
    kernel: &str,
    area: &Area<'_>,
) -> Result<(), Failure> {
    let points: Vec<&Point> = report
        .points
        .iter()
        .filter(|point| point.kernel == kernel && point.number == limits.number)
        .collect();
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{kernel}, {}", limits.number), ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(48)
        .build_cartesian_2d(
            0.0..(limits.read.len() - 1).max(1) as f64,
            rates(report).log_scale(),
        )?;
    // The working sets stand at equal distances, in their order.
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("working set")
        .y_desc("GB/s")
        .x_labels(limits.read.len())
        .x_label_formatter(&|&place| {
            limits.read.get(place as usize).map_or(String::new(), |&(bytes, _)| size_name(bytes))
        })
        .draw()?;
    let roof = limits.read.iter().enumerate().map(|(place, &(_, rate))| (place as f64, rate));
    chart.draw_series(LineSeries::new(roof, BLACK.stroke_width(2)))?;
    let isas: BTreeSet<&str> = points.iter().map(|point| point.isa.as_str()).collect();
    for isa in isas {
        let style = colour(isa).stroke_width(2);
        let of_isa = points.iter().filter(|point| point.isa == isa);
        let line = of_isa.enumerate().map(|(place, point)| (place as f64, point.bandwidth));
        let line: Vec<(f64, f64)> = line.collect();
        chart.draw_series(LineSeries::new(line.iter().copied(), style))?;
        chart.draw_series(line.iter().map(|&at| Circle::new(at, 3, style.filled())))?;
    }
    Ok(())
}

/// All that is drawn, and some room.
fn rates(report: &Report) -> core::ops::Range<f64> {
    let limits = report.limits.iter().flat_map(|limits| limits.read.iter().map(|&(_, rate)| rate));
    let all = || limits.clone().chain(report.points.iter().map(|point| point.bandwidth));
    all().fold(f64::INFINITY, f64::min) / 1.5..all().fold(0.0, f64::max) * 1.5
}

fn size_name(bytes: usize) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}
