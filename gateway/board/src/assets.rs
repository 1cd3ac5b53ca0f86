//! Style sheet, script and icon: part of the program, served under names that change with their content.

use std::sync::LazyLock;

/// A file that pages refer to.
pub(crate) struct Asset {
    /// Its name under `/assets/`; holds a hash of the content, so that browsers may keep it for ever.
    pub(crate) name: String,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// The file.
    pub(crate) text: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, text: &'static str) -> Self {
        Self { name: format!("{stem}.{:016x}.{ending}", fnv_1a(text)), media_type, text }
    }

    /// Its address.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// The style sheet of all pages.
pub(crate) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("touchtime", "css", "text/css; charset=utf-8", include_str!("assets/touchtime.css")));

/// The script of all pages.
pub(crate) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("board", "js", "text/javascript; charset=utf-8", include_str!("assets/board.js")));

/// The icon of all pages.
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// The file of that name.
pub(crate) fn named(name: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.name == name)
}

/// 64-bit FNV-1a: tells one version of a file from the next; nothing secret rests on it.
fn fnv_1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_is_green() {
        // Green would be read as "all is well", which nothing on these pages says by colour.
        for colour in STYLE.text.split('#').skip(1).filter_map(|rest| rest.get(..6)) {
            let channel = |i: usize| u8::from_str_radix(colour.get(i..i + 2).unwrap_or_default(), 16);
            if let (Ok(red), Ok(green), Ok(blue)) = (channel(0), channel(2), channel(4)) {
                assert!(green <= red.max(blue) || green - red.max(blue) < 24, "#{colour} is green");
            }
        }
    }

    #[test]
    fn no_file_comes_from_elsewhere() {
        for asset in [&*STYLE, &*SCRIPT, &*ICON] {
            // The namespace of SVG is a name, not an address to fetch.
            let text = asset.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("//") || !text.contains("http"), "{} refers to another host", asset.name);
            assert!(!text.contains("@import"), "{} imports a file", asset.name);
        }
    }
}
