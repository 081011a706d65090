//! chart.svg: requests per second of the main loads, one panel each, since they differ by a factor of six.

use super::figures::{plain, rate};
use crate::{subject::Subject, summary::Line, work::Work};
use anyhow::{Result, anyhow};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const SIZE: (u32, u32) = (900, 420);
const WORKS: [Work; 3] = [Work::Get, Work::List, Work::Post];
/// Dark on the chart's own white ground, which it keeps on a dark page too.
const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
const FAINT: RGBColor = RGBColor(0x6e, 0x77, 0x81);
const GRID: RGBColor = RGBColor(0xe4, 0xe7, 0xeb);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The bars of one load, from the left.
struct Bar {
    subject: Subject,
    rate: f64,
    cpu_us: f64,
}

pub(super) fn draw(lines: &[Line], connections: u32) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        paint(&root, lines, connections).map_err(|error| anyhow!("cannot draw: {error}"))?;
    }
    Ok(svg)
}

fn paint(root: &Area<'_>, lines: &[Line], connections: u32) -> Result<(), Problem> {
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(72);
    let title = format!("Requests per second, {connections} connections");
    head.draw_text(
        &title,
        &text(20, INK).pos(Pos::new(HPos::Left, VPos::Top)),
        (24, 14),
    )?;
    let hint = "more is better; under each bar the server's CPU time for a request";
    head.draw_text(
        hint,
        &text(13, FAINT).pos(Pos::new(HPos::Right, VPos::Top)),
        (876, 18),
    )?;
    paint_legend(&head, lines)?;
    for (panel, work) in body.split_evenly((1, WORKS.len())).iter().zip(WORKS) {
        let its = |line: &&Line| line.work == work && line.connections == connections;
        let bars: Vec<_> = lines.iter().filter(its).map(bar).collect();
        paint_panel(panel, work, &bars)?;
    }
    root.present()
}

type Problem = DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>;

fn bar(line: &Line) -> Bar {
    Bar {
        subject: line.subject,
        rate: line.requests_per_second.median,
        cpu_us: line.cpu_us.median,
    }
}

fn paint_panel(panel: &Area<'_>, work: Work, bars: &[Bar]) -> Result<(), Problem> {
    let most = bars.iter().map(|bar| bar.rate).fold(1.0, f64::max);
    let count = u32::try_from(bars.len()).unwrap_or_default();
    let mut chart = ChartBuilder::on(panel)
        .caption(work.title(), text(16, INK))
        .margin(8)
        .y_label_area_size(52)
        .x_label_area_size(24)
        .build_cartesian_2d(0.0..f64::from(count.max(1)), 0.0..most * 1.12)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .y_labels(5)
        .y_label_formatter(&|figure| axis(*figure))
        .y_desc("requests/s")
        .label_style(text(12, FAINT))
        .axis_desc_style(text(12, FAINT))
        .axis_style(GRID)
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .draw()?;
    for (at, bar) in (0..count).map(f64::from).zip(bars) {
        let corners = [(at + 0.14, 0.0), (at + 0.86, bar.rate)];
        chart.draw_series([Rectangle::new(corners, colour(bar.subject).filled())])?;
        // Over the bar's top and under its foot, in pixels from there.
        let labels = [
            (bar.rate, -10, rate(bar.rate), text(14, INK)),
            (
                0.0,
                12,
                format!("{} µs", plain(bar.cpu_us)),
                text(12, FAINT),
            ),
        ];
        for (height, down, what, style) in labels {
            let style = style.pos(Pos::new(HPos::Center, VPos::Center));
            let place = EmptyElement::at((at + 0.5, height));
            chart.draw_series([place + Text::new(what, (0, down), style)])?;
        }
    }
    Ok(())
}

/// Which colour is whose.
fn paint_legend(area: &Area<'_>, lines: &[Line]) -> Result<(), Problem> {
    let measured = |subject: &Subject| lines.iter().any(|line| line.subject == *subject);
    for (at, subject) in (0..).zip(Subject::ALL.into_iter().filter(measured)) {
        let left = 24 + at * 150;
        let square = [(left, 46), (left + 14, 60)];
        area.draw(&Rectangle::new(square, colour(subject).filled()))?;
        let style = text(14, INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(subject.title(), &style, (left + 22, 53))?;
    }
    Ok(())
}

fn axis(figure: f64) -> String {
    if figure == 0.0 {
        "0".into()
    } else {
        format!("{}k", figure / 1e3)
    }
}

fn text(size: u32, colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour)
}

/// Told apart by lightness as well.
fn colour(subject: Subject) -> RGBColor {
    match subject {
        Subject::Greenroom => RGBColor(0x1a, 0x7f, 0x4b),
        Subject::NativeTuned => RGBColor(0x8c, 0x95, 0x9f),
        Subject::NativeUsual => RGBColor(0xd9, 0x8e, 0x2b),
        Subject::Express => RGBColor(0xb3, 0x4a, 0x3c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{self, tests::run};

    #[test]
    fn every_bar_has_its_number() {
        let runs = [
            run(Subject::Greenroom, 0, 41_200.0, 23.0),
            run(Subject::Express, 0, 4_600.0, 231.0),
        ];
        let svg = draw(&summary::lines(&runs), 64).unwrap();
        for text in [
            "41.2k",
            "4.60k",
            "231 µs",
            "Express",
            "GET by id",
            "64 connections",
        ] {
            assert!(svg.contains(text), "no {text} in {svg}");
        }
        assert!(!svg.contains("axum"), "{svg}");
    }
}
