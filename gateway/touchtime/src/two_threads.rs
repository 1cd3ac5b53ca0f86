//! Work in portions on two threads: a trust's server has two cores to spare, and nothing else here wants more.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::bail;

/// Works through portions on two threads, each with its own `tools`, and hands the results on in the order of the portions.
pub fn on_two_threads<S: Send, P: Send, T: Send>(
    tools: [S; 2],
    portions: impl IntoIterator<Item = P, IntoIter: ExactSizeIterator + Send>,
    work: impl Fn(&mut S, P) -> anyhow::Result<T> + Sync,
    mut hand_on: impl FnMut(T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let portions = portions.into_iter();
    let count = portions.len();
    let portions = Mutex::new(portions.enumerate());
    std::thread::scope(|threads| {
        let (done, results) = std::sync::mpsc::sync_channel(8);
        for mut tools in tools {
            let (done, portions, work) = (done.clone(), &portions, &work);
            threads.spawn(move || {
                loop {
                    let next = portions.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((turn, portion)) = next else { return };
                    if done.send((turn, work(&mut tools, portion))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut early = BTreeMap::new();
        let mut awaited = 0;
        for (turn, result) in results {
            early.insert(turn, result?);
            while let Some(result) = early.remove(&awaited) {
                hand_on(result)?;
                awaited += 1;
            }
        }
        if awaited < count {
            bail!("measuring failed; this is a fault of Touchtime");
        }
        Ok(())
    })
}
