//! UIDs of the standard that are spoken here (PS3.6 annex A), and whether a text is a UID at all.

/// Verification: C-ECHO.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";
/// Modality Performed Procedure Step: N-CREATE and N-SET.
pub const PERFORMED_STEP: &str = "1.2.840.10008.3.1.2.3.3";
/// Implicit VR little endian.
pub const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
/// Explicit VR little endian.
pub const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// Whether it has the form of PS3.5 section 9: at most 64 digits and full stops.
pub fn is_uid(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}
