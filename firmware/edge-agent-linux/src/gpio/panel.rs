//! `touchtime-agent lines`: what each line shows, live, for who fits the contacts. It records nothing.
//!
//! On a terminal the table is drawn anew at each change; elsewhere it is written once, and then a line for each edge.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context;
use edge_agent::Level;

use super::GpioFeed;
use super::chip::ChipLines;
use super::reader::{Edge, Inputs as _};
use crate::config::gpio::Meaning;

/// How often levels are read when no edge comes.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// To the upper left corner of an empty screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Shows the lines of a feed until the process is ended.
pub fn show(feed: &GpioFeed) -> anyhow::Result<()> {
    let mut chip = ChipLines::open(&feed.chip, feed.lines.iter().map(|line| line.config.offset)).context(
        "the lines cannot be shown (an agent that watches them must be stopped meanwhile: systemctl stop touchtime-agent)",
    )?;
    let levels = (0..feed.lines.len()).map(|line| chip.level(line)).collect::<anyhow::Result<Vec<_>>>()?;
    let rows = feed.lines.iter().zip(levels).map(|(line, level)| Row {
        offset: line.config.offset,
        name: line.signal.to_string(),
        meaning: line.config.meaning,
        active: line.config.rules().active,
        level,
        edges: 0,
    });
    let mut panel = Panel { rows: rows.collect() };
    let mut out = std::io::stdout();
    let is_terminal = out.is_terminal();
    write!(out, "{}{}", if is_terminal { CLEAR } else { "" }, panel.table())?;
    loop {
        out.flush()?;
        chip.wait(LOOK_EVERY)?;
        let mut edges = Vec::new();
        while !chip.take_edges(&mut edges)? {}
        let told = panel.handle(&edges);
        for line in 0..panel.rows.len() {
            let level = chip.level(line)?;
            panel.rows.get_mut(line).context("a line")?.level = level;
        }
        if is_terminal {
            write!(out, "{CLEAR}{}", panel.table())?;
        } else {
            out.write_all(told.as_bytes())?;
        }
    }
}

/// What is known of a line.
#[derive(Debug)]
struct Row {
    offset: u32,
    name: String,
    meaning: Meaning,
    active: Level,
    level: Level,
    edges: u64,
}

#[derive(Debug)]
struct Panel {
    rows: Vec<Row>,
}

impl Panel {
    /// Takes edges; a line of text for each.
    fn handle(&mut self, edges: &[Edge]) -> String {
        let mut told = String::new();
        for edge in edges {
            let Some(row) = self.rows.get_mut(edge.line) else { continue };
            row.level = edge.level;
            row.edges += 1;
            let _ = writeln!(
                told,
                "{}.{:03} s  {}  {}  {}",
                edge.at / 1000,
                edge.at % 1000,
                row.name,
                electrical(row.level),
                row.shows()
            );
        }
        told
    }

    fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(4);
        let mut text = format!("line  {:<width$}  level  {:<8}  edges\n", "name", "shows");
        for row in &self.rows {
            let (level, shows) = (electrical(row.level), row.shows());
            let _ = writeln!(text, "{:>4}  {:<width$}  {level:<5}  {shows:<8}  {:>5}", row.offset, row.name, row.edges);
        }
        text += "\nMove every contact once. One movement makes a few edges; hundreds are a loose wire. Ctrl-C ends.\n";
        text
    }
}

impl Row {
    fn shows(&self) -> &'static str {
        match (self.meaning, self.level == self.active) {
            (Meaning::Door, true) => "open",
            (Meaning::Door, false) => "closed",
            (Meaning::XRayOn, true) => "on",
            (Meaning::XRayOn, false) => "off",
            (Meaning::TableInUse, true) => "in use",
            (Meaning::TableInUse, false) => "free",
            (Meaning::NextPatient | Meaning::Milestone(_), true) => "pressed",
            (Meaning::NextPatient | Meaning::Milestone(_), false) => "at rest",
        }
    }
}

const fn electrical(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::High => "high",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lines_show_follows_their_edges() {
        let row = |offset, name: &str, meaning, active| Row {
            offset,
            name: name.to_owned(),
            meaning,
            active,
            level: Level::Low,
            edges: 0,
        };
        let mut panel = Panel {
            rows: vec![
                row(4, "door", Meaning::Door, Level::High),
                row(11, "next-patient", Meaning::NextPatient, Level::Low),
            ],
        };
        let edge = |line, level, at| Edge { line, level, at };
        let told = panel.handle(&[edge(0, Level::High, 12_003), edge(1, Level::High, 12_050), edge(9, Level::High, 1)]);
        assert_eq!(told, "12.003 s  door  high  open\n12.050 s  next-patient  high  at rest\n");
        let _ = panel.handle(&[edge(0, Level::Low, 13_000)]);
        let table = panel.table();
        let lines: Vec<&str> = table.lines().take(3).collect();
        assert_eq!(
            lines,
            [
                "line  name          level  shows     edges",
                "   4  door          low    closed        2",
                "  11  next-patient  high   at rest       1",
            ]
        );
    }
}
