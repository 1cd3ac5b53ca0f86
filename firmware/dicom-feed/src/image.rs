//! What the header of an image or another object tells of its acquisition (PS3.3 C.7.6).
//!
//! The instant is that of the acquisition, never that of the file: reformatted images that a workstation makes in the
//! evening carry the acquisition that they were made from, or none. Of an object without one nothing is recorded.

use room_events::{Acquisition, Identifier, UtcMillis};

use crate::data_set::{DataSet, Tag};
use crate::local_time::{Zone, offset_minutes};
use crate::step::{self, Reading};

const IMAGE_TYPE: Tag = Tag(0x0008_0008);
const STUDY_DATE: Tag = Tag(0x0008_0020);
const SERIES_DATE: Tag = Tag(0x0008_0021);
const ACQUISITION_DATE: Tag = Tag(0x0008_0022);
const CONTENT_DATE: Tag = Tag(0x0008_0023);
const ACQUISITION_DATE_TIME: Tag = Tag(0x0008_002a);
const ACQUISITION_TIME: Tag = Tag(0x0008_0032);
const CONTENT_TIME: Tag = Tag(0x0008_0033);
const ACCESSION: Tag = Tag(0x0008_0050);
const TIMEZONE_OFFSET: Tag = Tag(0x0008_0201);
const STATION_NAME: Tag = Tag(0x0008_1010);
const PROCEDURE_CODES: Tag = Tag(0x0008_1032);
const PERFORMED_STEPS: Tag = Tag(0x0008_1111);
const REFERENCED_INSTANCE: Tag = Tag(0x0008_1155);
const PATIENT_NAME: Tag = Tag(0x0010_0010);
const PATIENT_ID: Tag = Tag(0x0010_0020);
const PATIENT_BIRTH_DATE: Tag = Tag(0x0010_0030);
const PROTOCOL_NAME: Tag = Tag(0x0018_1030);
const ACQUISITION_SECONDS: Tag = Tag(0x0018_9073);
const STUDY: Tag = Tag(0x0020_000d);
const SERIES: Tag = Tag(0x0020_000e);
const ADMISSION_ID: Tag = Tag(0x0038_0010);
const REQUESTS: Tag = Tag(0x0040_0275);
const REQUESTED_PROCEDURE: Tag = Tag(0x0040_1001);

/// The elements that are kept of an object, in their order.
pub(crate) const WANTED: &[Tag] = &[
    IMAGE_TYPE,
    STUDY_DATE,
    SERIES_DATE,
    ACQUISITION_DATE,
    CONTENT_DATE,
    ACQUISITION_DATE_TIME,
    ACQUISITION_TIME,
    CONTENT_TIME,
    ACCESSION,
    TIMEZONE_OFFSET,
    STATION_NAME,
    PROCEDURE_CODES,
    PERFORMED_STEPS,
    PATIENT_NAME,
    PATIENT_ID,
    PATIENT_BIRTH_DATE,
    PROTOCOL_NAME,
    ACQUISITION_SECONDS,
    STUDY,
    SERIES,
    ADMISSION_ID,
    REQUESTS,
];

/// The longest acquisition that is believed.
const MAX_SECONDS: f64 = 86_400.0;

/// The name of the station that made the object.
pub fn station(set: &DataSet<'_>) -> Option<String> {
    set.text(STATION_NAME)
}

/// What the object tells; `None` if it names no exam or no instant of acquisition.
pub fn acquisition(set: &DataSet<'_>, reading: Reading<'_>) -> Option<Acquisition> {
    let mut zone = reading.zone;
    if let Some(minutes) = set.text(TIMEZONE_OFFSET).as_deref().and_then(offset_minutes) {
        zone.offset_minutes = Some(minutes);
    }
    let tokens = reading.tokens;
    let number = |kind, tag| set.text(tag).and_then(|text| tokens.token_of(kind, &text));
    let request = set.items(REQUESTS).first();
    let of_request = |kind, tag| request.and_then(|item| item.text(tag)).and_then(|text| tokens.token_of(kind, &text));
    let exam = number(Identifier::Accession, ACCESSION)
        .or_else(|| of_request(Identifier::Accession, ACCESSION))
        .or_else(|| of_request(Identifier::RequestedProcedure, REQUESTED_PROCEDURE))
        .or_else(|| number(Identifier::Study, STUDY))?;
    let first = instant(set, zone)?;
    let step = set.items(PERFORMED_STEPS).first().and_then(|item| item.text(REFERENCED_INSTANCE));
    Some(Acquisition {
        exam,
        series: number(Identifier::Series, SERIES),
        step: step.and_then(|uid| step::token_of(&uid, tokens).ok()),
        first,
        last: lasting(first, set),
        visit: number(Identifier::Visit, ADMISSION_ID),
        patient: number(Identifier::Patient, PATIENT_ID),
        protocol: step::coded_protocol(set).or_else(|| step::unless_patient(&set.text(PROTOCOL_NAME)?, set)),
    })
}

fn instant(set: &DataSet<'_>, zone: Zone) -> Option<UtcMillis> {
    let whole = set.text(ACQUISITION_DATE_TIME).and_then(|text| date_time(&text, zone));
    let date = || [ACQUISITION_DATE, SERIES_DATE, STUDY_DATE].into_iter().find_map(|tag| set.text(tag));
    let parts = || zone.instant(&date()?, &set.text(ACQUISITION_TIME)?);
    // Ultrasound scanners give the content's time only; of an image that was made from others that is not scanning.
    let is_original = || set.text(IMAGE_TYPE).is_none_or(|kind| kind == "ORIGINAL");
    let content = || zone.instant(&set.text(CONTENT_DATE)?, &set.text(CONTENT_TIME)?).filter(|_| is_original());
    whole.or_else(parts).or_else(content)
}

/// DT (PS3.5 section 6.2): `20220714101530.123456+0100`.
fn date_time(text: &str, mut zone: Zone) -> Option<UtcMillis> {
    let (local, offset) = text.split_at(text.find(['+', '-']).unwrap_or(text.len()));
    if let Some(minutes) = offset_minutes(offset) {
        zone.offset_minutes = Some(minutes);
    }
    let (date, time) = local.split_at_checked(8)?;
    zone.instant(date, time)
}

fn lasting(first: UtcMillis, set: &DataSet<'_>) -> UtcMillis {
    let seconds = set.real(ACQUISITION_SECONDS).filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
    #[allow(clippy::cast_possible_truncation, reason = "at most a day")]
    let millis = seconds.map_or(0, |seconds| (seconds * 1000.0) as i64);
    first.plus_millis(millis)
}
