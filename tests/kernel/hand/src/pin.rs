//! A line of the simulated chip, as the kernel shows it to who plays the world outside.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};

const CHIP: &str = "/sys/devices/platform/gpio-sim.0/gpiochip0";

/// The resistor that decides an input's level.
pub struct Pull {
    file: File,
    /// It pulls up.
    pub is_high: bool,
}

impl Pull {
    /// That of a line.
    pub fn open(line: u64) -> io::Result<Self> {
        let path = format!("{CHIP}/sim_gpio{line}/pull");
        let is_high = std::fs::read_to_string(&path)?.trim() == "pull-up";
        Ok(Self { file: OpenOptions::new().write(true).open(path)?, is_high })
    }

    /// Changes the level.
    pub fn turn(&mut self) -> io::Result<()> {
        self.is_high = !self.is_high;
        self.file.write_all(if self.is_high { b"pull-up" } else { b"pull-down" })
    }
}

/// Whether an output is high.
pub fn is_high(line: u64) -> io::Result<bool> {
    Ok(std::fs::read_to_string(format!("{CHIP}/sim_gpio{line}/value"))?.trim() == "1")
}
