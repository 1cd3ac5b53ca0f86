//! Whether a text in words holds a part of a person's name, a number or a date of birth: such a text is no label.
//!
//! People write "943 476 5919" and "Zyx-wvut" into fields meant for codes. So letters are compared without case, accents and
//! whatever stands between them; a name of two letters only as a word of its own, one of a single letter not at all. It errs
//! on the side of the person: a label in which a name happens to stand is lost, and nothing else is.

/// A run of so many digits, however they are parted, is somebody's number or a date.
const DIGITS_OF_A_NUMBER: usize = 7;

/// Whether `text` holds `part`, a name or number as its source has it.
pub fn holds(text: &str, part: &str) -> bool {
    match folded(part).count() {
        0 | 1 => false,
        2 => words(text).any(|word| folded(word).eq(folded(part))),
        _ => found(text, folded(part)) || holds_day_first(text, part),
    }
}

/// Whether a number of a person or a date stands in the text: seven digits or more with nothing but spaces, dashes, dots and
/// slashes between them.
pub fn holds_a_number(text: &str) -> bool {
    let mut digits = 0;
    for c in text.chars() {
        match c {
            '0'..='9' => digits += 1,
            ' ' | '-' | '.' | '/' | '\u{a0}' => {}
            _ => digits = 0,
        }
        if digits >= DIGITS_OF_A_NUMBER {
            return true;
        }
    }
    false
}

/// Whether these characters follow each other in the text.
fn found(text: &str, wanted: impl Iterator<Item = char> + Clone) -> bool {
    let mut from = folded(text);
    loop {
        let mut here = from.clone();
        if wanted.clone().all(|c| here.next() == Some(c)) {
            return true;
        }
        if from.next().is_none() {
            return false;
        }
    }
}

/// A date of birth, `19511230`, as people write it: 30/12/1951 or 30.12.51.
fn holds_day_first(text: &str, part: &str) -> bool {
    let Some((date, _)) = part.split_at_checked(8).filter(|(date, _)| date.bytes().all(|b| b.is_ascii_digit())) else {
        return false;
    };
    let (Some(century), Some(year), Some(month), Some(day)) =
        (date.get(..2), date.get(2..4), date.get(4..6), date.get(6..8))
    else {
        return false;
    };
    let written = |parts: &[&str]| found(text, parts.iter().flat_map(|part| part.chars()));
    written(&[day, month, century, year]) || written(&[day, month, year])
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !is_mark(c)).filter(|word| !word.is_empty())
}

/// Letters and digits alone, small and without accents.
fn folded(text: &str) -> impl Iterator<Item = char> + Clone + '_ {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .filter(|c| !is_mark(*c))
        .map(without_accent)
}

/// An accent that follows its letter.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// The letter under an accent, for the letters of Western and Central European names.
const fn without_accent(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
        'ď' | 'đ' | 'ð' => 'd',
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => 'g',
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => 'i',
        'ĺ' | 'ļ' | 'ľ' | 'ł' => 'l',
        'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => 'o',
        'ŕ' | 'ŗ' | 'ř' => 'r',
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => 's',
        'ţ' | 'ť' | 'ț' => 't',
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_written() {
        for (text, part) in [
            ("zyx-wvut ill", "Zyxwvut"),
            ("Quentín Zyxwvút", "ZYXWVUT"),
            ("Quenti\u{301}n", "Quentin"),
            ("O'Brien rang", "OBRIEN"),
            ("Mr Ng unwell", "Ng"),
            ("CT of Ng Wu", "WU"),
            ("943 476 5919 away", "9434765919"),
            ("born 19511230", "19511230"),
            ("born 30/12/1951", "19511230"),
            ("b. 30.12.51", "19511230120000"),
        ] {
            assert!(holds(text, part), "{part} in {text}");
        }
        for (text, part) in [
            ("CT angiography", "Ng"),
            ("lung", "G"),
            ("Patient unwell", "Zyxwvut"),
            ("MR knee", ""),
            ("born", "19511230"),
            ("", "Smith"),
        ] {
            assert!(!holds(text, part), "{part} in {text}");
        }
    }

    #[test]
    fn numbers_of_people_are_told_from_numbers_of_things() {
        for text in ["ring 01903 555123", "943-476-5919", "30/12/1951", "A 1234567"] {
            assert!(holds_a_number(text), "{text}");
        }
        for text in ["W371", "t2_tse_tra_p2_320", "CT 64 slice, 120 kV", "L4/5", "123456", "1.5 mm x 512 x 512"] {
            assert!(!holds_a_number(text), "{text}");
        }
    }
}
