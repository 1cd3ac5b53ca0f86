//! Presses the buttons on the first four lines in turn, like a person who looks at the light: the next press waits until
//! the light has gone out.
//!
//! ```text
//! pressed 7 3 1795702269295050 1795702269295449   the eighth press, on line 3, went down between these instants
//! lit 7                                           the light is lit: the press is said to be on the disk
//! confirmed 7                                     it is still lit after half a second: it does not blink
//! refused 7                                       it is not, or it blinks
//! ```

use std::io::{self, Write as _};
use std::thread::sleep;
use std::time::Duration;

use crate::micros;
use crate::pin::{Pull, is_high};

const BUTTONS: u64 = 4;

/// How long a finger stays.
const HELD: Duration = Duration::from_millis(120);

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A person gives up on the light after so many looks: four seconds.
const LOOKS: usize = 800;

/// A light that stays lit for so many looks does not blink: half a second, where a blink is half of that.
const STEADY_LOOKS: usize = 100;

/// See the module.
pub fn play(first: u64, count: u64, light: u64) -> io::Result<()> {
    let mut buttons = (0..BUTTONS).map(Pull::open).collect::<io::Result<Vec<_>>>()?;
    let mut notes = io::stdout().lock();
    for press in first..first + count {
        let line = press % BUTTONS;
        let Some(button) = usize::try_from(line).ok().and_then(|line| buttons.get_mut(line)) else { continue };
        let before = micros();
        button.turn()?;
        writeln!(notes, "pressed {press} {line} {before} {}", micros())?;
        sleep(HELD);
        button.turn()?;
        let word = if is_confirmed(press, light, &mut notes)? { "confirmed" } else { "refused" };
        writeln!(notes, "{word} {press}")?;
        for _ in 0..LOOKS {
            if !is_high(light)? {
                break;
            }
            sleep(LOOK_EVERY);
        }
    }
    Ok(())
}

fn is_confirmed(press: u64, light: u64, notes: &mut impl io::Write) -> io::Result<bool> {
    let mut steady = 0;
    for _ in 0..LOOKS {
        steady = if is_high(light)? { steady + 1 } else { 0 };
        if steady == 1 {
            writeln!(notes, "lit {press}")?;
        }
        if steady == STEADY_LOOKS {
            return Ok(true);
        }
        sleep(LOOK_EVERY);
    }
    Ok(false)
}
