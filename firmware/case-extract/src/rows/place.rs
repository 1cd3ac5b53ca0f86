//! The room of a row and its site: ids by the mapping's rules, numbered on first sight.

use room_events::id::IdError;
use room_events::{RoomId, RoomKind, SiteId};

use super::{Work, text_of};
use crate::cells;
use crate::head::Head;
use crate::mapping::{Code, IdRule, SiteRule};
use crate::part::Place;
use crate::problem::{Problem, Shown};
use crate::records::Record;

/// More rooms than this are a wrong room column.
const MAX_ROOMS: usize = 65_536;

impl Work<'_> {
    /// The number of the row's room, made on first sight.
    pub(super) fn place(&mut self, head: &Head, record: &Record) -> Option<u32> {
        let room_cell = record.cell(head.columns.room.column);
        let (site_rule, site_cell) = match &head.columns.site {
            SiteRule::Constant(_) => (None, &[][..]),
            SiteRule::Column(rule) => (Some(rule), record.cell(rule.column)),
        };
        let joined;
        let name: &[u8] = if site_rule.is_none() {
            room_cell
        } else {
            joined = [site_cell, b"\x1f", room_cell].concat();
            &joined
        };
        let known = self.room_names.find(name, || None);
        let place = match known {
            Some(place) => place,
            None => self.new_place(head, record, name, room_cell, site_rule.map(|rule| (rule, site_cell)))?,
        };
        match &head.columns.room_kind {
            Some(column @ Code::Column { .. }) => {
                let kind = self.code(head, record, column, RoomKind::from_name, "room-kind");
                if let (Some(known), Some(_)) = (self.part.places.get_mut(place as usize), kind) {
                    known.kind = kind;
                }
            }
            Some(Code::Constant(_)) | None => {}
        }
        Some(place)
    }

    fn new_place(
        &mut self,
        head: &Head,
        record: &Record,
        name: &[u8],
        room_cell: &[u8],
        site_cell: Option<(&IdRule<usize>, &[u8])>,
    ) -> Option<u32> {
        let site = match (&head.columns.site, site_cell) {
            (SiteRule::Constant(site), _) => site.clone(),
            (SiteRule::Column(_), None) => return None,
            (SiteRule::Column(_), Some((rule, cell))) => {
                let text = self.id(head, record, rule, cell, [Problem::SiteEmpty, Problem::SiteNotId], "site")?;
                SiteId::new(&text).ok()?
            }
        };
        let rule = &head.columns.room;
        let text = self.id(head, record, rule, room_cell, [Problem::RoomEmpty, Problem::RoomNotId], "room")?;
        let room = RoomId::new(&text).ok()?;
        let kind = match &head.columns.room_kind {
            Some(Code::Constant(kind)) => Some(*kind),
            Some(Code::Column { .. }) | None => None,
        };
        let at = self.place_numbers.get(&(site.clone(), room.clone())).copied();
        if at.is_none() && self.part.places.len() >= MAX_ROOMS {
            let detail = || format!("there are more than {MAX_ROOMS} rooms");
            self.cell_fault(
                head,
                record,
                rule.column,
                Problem::TooManyRooms,
                Shown::Never,
                detail,
                "check that the column is one of rooms",
            );
            return None;
        }
        let at = match at {
            Some(at) => at,
            None => {
                let at = u32::try_from(self.part.places.len()).ok()?;
                self.place_numbers.insert((site.clone(), room.clone()), at);
                self.part.places.push(Place { site, room, kind });
                at
            }
        };
        self.room_names.find(name, || Some(at));
        Some(at)
    }

    /// The text of an id, checked.
    fn id(
        &mut self,
        head: &Head,
        record: &Record,
        rule: &IdRule<usize>,
        cell: &[u8],
        [empty, not_id]: [Problem; 2],
        what: &'static str,
    ) -> Option<String> {
        if self.is_absent(cell) {
            let remedy = format!("every row needs its {what}");
            self.cell_fault(head, record, rule.column, empty, Shown::Never, || format!("the {what} is empty"), &remedy);
            return None;
        }
        let text = cells::id_text(rule, &text_of(cell));
        match RoomId::new(&text) {
            Ok(_) => Some(text),
            Err(error) => {
                let detail = || format!("cannot be a {what} id: {}", cells::id_fault(error));
                let dashes_help = !rule.dashes && matches!(error, IdError::Character(_));
                let dashes = if dashes_help { format!(", or set {what}.dashes = true") } else { String::new() };
                let remedy = format!("give it an id in {what}.values{dashes}");
                self.cell_fault(head, record, rule.column, not_id, Shown::Name, detail, &remedy);
                None
            }
        }
    }
}
