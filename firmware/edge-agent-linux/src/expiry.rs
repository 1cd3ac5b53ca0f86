//! Looks at the certificates every day, so that the log warns while there is time to renew them.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Config;

const EVERY: Duration = Duration::from_secs(24 * 3600);

/// Warns of certificates that end soon, until the task is aborted. A problem is told each day that it lasts.
pub async fn warn(config: Config, clock: Arc<Clock>) {
    let mut timer = tokio::time::interval(EVERY);
    loop {
        timer.tick().await;
        let now = clock.wall().millis().div_euclid(1000);
        for (key, problem) in problems(&config, now) {
            tracing::warn!(key, problem, "a certificate needs somebody");
        }
    }
}

fn problems(config: &Config, now_seconds: i64) -> Vec<(&'static str, String)> {
    let broker = config.broker.tls().ok().flatten().map(|files| ("broker", files.describe(now_seconds)));
    let dicom = config.dicom.tls().ok().flatten().map(|files| ("dicom", files.describe(now_seconds)));
    let described = broker.into_iter().chain(dicom);
    described.filter_map(|(key, described)| Some((key, described.err()?))).collect()
}
