//! Reads a file of cases on two threads and prints rows per second and peak memory: `time_read FILE MAPPING [THREADS]`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "it prints what it measured")]

use std::error::Error;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Instant;

use case_extract::{Extract, FileError, Joined, LocalTokens, Mapping, Reader};

const CHUNK: usize = 1 << 20;

#[allow(clippy::disallowed_methods, reason = "an example that measures time")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(mapping_file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: time_read FILE MAPPING [THREADS]".into());
    };
    let threads: u32 = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let mapping = Mapping::parse(&mapping_file, &std::fs::read_to_string(&mapping_file)?)?;
    let begun = Instant::now();
    let extract = read(&file, &mapping, threads)?;
    let read = begun.elapsed();
    let memory = peak_memory();
    let begun = Instant::now();
    let summary = extract.summary();
    let walked = begun.elapsed();
    let rate = f64::from(u32::try_from(summary.rows)?) / read.as_secs_f64();
    println!("{summary}");
    for error in extract.errors() {
        println!("{error}");
    }
    println!(
        "read {:.0} ms on {threads} threads ({rate:.0} rows/s), {memory} at most; walk over all rooms {:.0} ms",
        read.as_secs_f64() * 1000.0,
        walked.as_secs_f64() * 1000.0
    );
    Ok(())
}

fn read(name: &str, mapping: &Mapping, threads: u32) -> Result<Extract, Box<dyn Error>> {
    let tokens = LocalTokens::new([7, 11]);
    let mut file = File::open(name)?;
    let len = file.metadata()?.len();
    let mut first = Reader::cases(mapping, name, &tokens);
    let mut begun = 0;
    let middle = len / 2;
    if threads > 1 {
        begun = push(&mut first, &mut file, middle.min(CHUNK as u64))??;
    }
    let Some(mut second) = first.second().filter(|_| threads > 1) else {
        push(&mut first, &mut file, len - begun)??;
        return Ok(first.finish()?);
    };
    let done = std::thread::scope(|scope| {
        let later = scope.spawn(|| -> std::io::Result<Reader> {
            let mut file = File::open(name)?;
            file.seek(SeekFrom::Start(middle))?;
            // An error of the second half is told by `join`, with the line in the whole file.
            let _told_by_join = push(&mut second, &mut file, len - middle)?;
            Ok(second)
        });
        let result = push(&mut first, &mut file, middle - begun);
        (result, later.join())
    });
    done.0??;
    let second = done.1.map_err(|_| "the second thread panicked")??;
    match first.join(second)? {
        Joined::Whole(reader) => Ok(reader.finish()?),
        Joined::Reread(mut reader) => {
            file.seek(SeekFrom::Start(middle))?;
            push(&mut reader, &mut file, len - middle)??;
            Ok(reader.finish()?)
        }
    }
}

fn push(reader: &mut Reader, file: &mut File, bytes: u64) -> std::io::Result<Result<u64, FileError>> {
    let mut chunk = vec![0; CHUNK];
    let mut limited = file.take(bytes);
    let mut done = 0;
    loop {
        let read = limited.read(&mut chunk)?;
        if read == 0 {
            return Ok(Ok(done));
        }
        done += read as u64;
        if let Err(error) = reader.push(&chunk[..read]) {
            return Ok(Err(error));
        }
    }
}

/// The process's peak resident memory, on Linux.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("memory unknown".to_owned(), |text| text.trim().to_owned())
}
