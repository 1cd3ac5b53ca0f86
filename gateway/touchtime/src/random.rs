//! Random bits from the operating system.

/// 128 of them.
pub fn bits_128() -> anyhow::Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no random bits: {error}"))?;
    Ok(u128::from_ne_bytes(bytes))
}
