//! How fast a file of cases is read from memory, on one thread.

use std::hint::black_box;

use case_extract::{LocalTokens, Mapping, Reader};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const MAPPING: &str = r#"
zone = "Europe/London"
site = "main"
room = { column = "theatre", prefix = "th-" }
case = "id"
TIMES
[milestones]
into_theatre = "in"
procedure_start = "knife"
procedure_end = "closed"
out_of_theatre = "out"
[booking]
start = "planned"
minutes = "minutes"
specialty = "specialty"
procedure = "procedure"
[sessions]
from = "bookings"
"#;

const ROWS: u32 = 20_000;

fn file() -> Vec<u8> {
    let mut text = "id,theatre,planned,minutes,specialty,procedure,in,knife,closed,out\n".to_owned();
    for row in 0..ROWS {
        let (day, hour) = (1 + row / 8 % 28, 8 + row % 8);
        let day = format!("2022-{:02}-{day:02}", 1 + row / 224 % 12);
        text.push_str(&format!(
            "A{row:06},{},{day} {hour:02}:30:00,45,Specialty {},\"Procedure {}, left\",{day} {hour:02}:31:00,\
             {day} {hour:02}:40:00,{day} {hour:02}:58:00,{day} {:02}:05:00\n",
            1 + row / 2688 % 8,
            row % 9,
            row % 300,
            hour + 1
        ));
    }
    text.into_bytes()
}

fn read(mapping: &Mapping, bytes: &[u8]) -> u64 {
    let tokens = LocalTokens::new([1, 2]);
    let mut reader = Reader::cases(mapping, "cases.csv", &tokens);
    reader.push(bytes).expect("the file is good");
    let extract = reader.finish().expect("the file is good");
    assert_eq!(extract.errors(), []);
    extract.rooms().len() as u64
}

fn benchmark(criterion: &mut Criterion) {
    let bytes = file();
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(u64::from(ROWS)));
    for (name, times) in [("usual formats", ""), ("one format", "time-formats = [\"%Y-%m-%d %H:%M:%S\"]")] {
        let mapping = Mapping::parse("bench", &MAPPING.replace("TIMES", times)).expect("the mapping is good");
        group.bench_function(name, |bencher| bencher.iter(|| read(&mapping, black_box(&bytes))));
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
