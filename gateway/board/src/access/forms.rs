//! The seal on a form: that we gave it to this person, and once.
//!
//! Another site can make a browser send a form here, with the person's cookie or through the proxy that has signed them in,
//! but it cannot read our page, so it has no seal. Each form has a number of its own, drawn when its page was made; what
//! the form records is kept under this number, so that the same form sent twice is recorded once.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{House, Visitor};

/// The field of a form that has the number.
pub(crate) const NUMBER: &str = "form";
/// The field of a form that has the seal.
pub(crate) const SEAL: &str = "seal";

/// A form's number and seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) number: u128,
    pub(crate) seal: String,
}

impl Sealed {
    /// A new form for this visitor.
    pub(crate) fn draw(house: &dyn House, visitor: &Visitor) -> Result<Self, String> {
        let number = house.draw()?;
        Ok(Self { number, seal: seal(&house.seal_key(), visitor.name(), number) })
    }

    /// The number of a form that came back, if it is one that this visitor was given.
    pub(crate) fn check(house: &dyn House, visitor: &Visitor, number: &str, given: &str) -> Option<u128> {
        let number = u128::from_str_radix(number, 16).ok()?;
        let mac = mac(&house.seal_key(), visitor.name(), number)?;
        let given = bytes_of_hex(given)?;
        mac.verify_slice(&given).ok().map(|()| number)
    }

    /// The number as the form has it.
    pub(crate) fn number_text(&self) -> String {
        format!("{:032x}", self.number)
    }
}

fn mac(key: &[u8; 32], name: &str, number: u128) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(&number.to_be_bytes());
    mac.update(name.as_bytes());
    Some(mac)
}

fn seal(key: &[u8; 32], name: &str, number: u128) -> String {
    let Some(mac) = mac(key, name, number) else { return String::new() };
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;
    use crate::access::{Note, Person, Role};
    use room_events::Label;

    struct Fixed;

    impl House for Fixed {
        fn person_of(&self, _: &str) -> Option<Person> {
            None
        }

        fn note(&self, _: &Note) -> Result<(), String> {
            Ok(())
        }

        fn draw(&self) -> Result<u128, String> {
            Ok(7)
        }

        fn seal_key(&self) -> [u8; 32] {
            [3; 32]
        }
    }

    fn visitor(name: &str) -> Visitor {
        let person = Person { name: name.to_owned(), author: Label::new(name).unwrap(), role: Role::Correct };
        Visitor { person: Some(person), address: None }
    }

    #[test]
    fn a_form_is_good_for_whom_it_was_given_to_and_nobody_else() {
        let (anna, bert) = (visitor("anna"), visitor("bert"));
        let form = Sealed::draw(&Fixed, &anna).unwrap();
        let check = |visitor: &Visitor, number: &str, seal: &str| Sealed::check(&Fixed, visitor, number, seal);
        assert_eq!(check(&anna, &form.number_text(), &form.seal), Some(7));
        assert_eq!(check(&bert, &form.number_text(), &form.seal), None);
        assert_eq!(check(&Visitor::default(), &form.number_text(), &form.seal), None);
        assert_eq!(check(&anna, "8", &form.seal), None);
        for wrong in ["", "00", &"0".repeat(64), &"é".repeat(32), &"x".repeat(64)] {
            assert_eq!(check(&anna, &form.number_text(), wrong), None, "{wrong}");
        }
    }
}
