//! When an MP4 file says it was made and how long it plays.
//!
//! Reads only the headers of ISO/IEC 14496-12 that tell time (`mvhd`, `mdhd`, `mehd`, `trex`,
//! `tfhd`, `tfdt`, `trun`), with a bounded number of small reads, however large or broken the
//! file: sample tables are never built, so a forged sample count costs nothing. A file that
//! breaks off says what it says until there.

use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};

use kukaku_schema::{DurationUs, UtcMicros};

/// Most boxes of one level: fragments of an hour at five a second, twice over.
const BOXES_MAX: usize = 50_000;

/// Most reads of one file: boxes within boxes can't keep the link busy for ever.
const READS_MAX: u32 = 2_000_000;

/// Most tracks that are kept apart; recorders write two.
const TRACKS_MAX: usize = 16;

/// Most samples of one fragment's run: an hour at 60 a second.
const SAMPLES_MAX: u32 = 216_000;

/// A longer file is a broken header.
const LENGTH_MAX: DurationUs = DurationUs::from_secs(86_400);

/// From 1904-01-01, where MP4 counts from, to 1970-01-01, in seconds.
const EPOCH_1904_S: u64 = 2_082_844_800;

/// What a file says of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Its creation time; whole seconds, and many recorders leave it out.
    pub created: Option<UtcMicros>,
    /// How long it plays.
    pub length: Option<DurationUs>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Track {
    id: u32,
    timescale: u32,
    default_duration: u32,
    first: Option<u64>,
    end: u64,
}

#[derive(Default)]
struct Reading {
    timing: Timing,
    /// Length of the fragments as `mehd` announces it, in the movie's timescale.
    announced: Option<u64>,
    movie_timescale: u32,
    tracks: Vec<Track>,
}

/// Reads the timing of a file of `size` bytes.
///
/// # Errors
/// Only those of the reader itself; a file that is no MP4 has an empty timing.
pub fn timing<R: Read + Seek>(reader: &mut R, size: u64) -> Result<Timing> {
    let reader = &mut Metered { inner: reader, left: READS_MAX };
    let mut reading = Reading::default();
    let walked = walk(reader, 0, size, &mut |reader, kind, start, end| match &kind {
        b"moov" => moov(reader, start, end, &mut reading),
        b"moof" => walk(reader, start, end, &mut |reader, kind, start, end| match &kind {
            b"traf" => traf(reader, start, end, &mut reading),
            _ => Ok(()),
        }),
        _ => Ok(()),
    });
    match walked {
        Err(e) if e.kind() != ErrorKind::UnexpectedEof && e.kind() != ErrorKind::InvalidData => {
            return Err(e);
        }
        _ => {}
    }
    if let Some(length) = reading.fragments() {
        reading.timing.length = Some(length);
    } else if reading.timing.length.is_none() {
        reading.timing.length = reading.announced.and_then(|units| length(units, reading.movie_timescale));
    }
    Ok(reading.timing)
}

/// A reader that ends its patience.
struct Metered<'a, R> {
    inner: &'a mut R,
    left: u32,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.left = self.left.checked_sub(1).ok_or_else(|| broken("more boxes than any recorder writes"))?;
        self.inner.read(buffer)
    }
}

impl<R: Seek> Seek for Metered<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.inner.seek(to)
    }
}

impl Reading {
    /// The longest of the tracks' fragments.
    fn fragments(&self) -> Option<DurationUs> {
        self.tracks.iter().filter_map(|track| length(track.end.checked_sub(track.first?)?, track.timescale)).max()
    }

    fn track(&mut self, id: u32) -> Result<&mut Track> {
        let at = match self.tracks.iter().position(|track| track.id == id) {
            Some(at) => at,
            None if self.tracks.len() < TRACKS_MAX => {
                self.tracks.push(Track { id, ..Track::default() });
                self.tracks.len() - 1
            }
            None => return Err(broken("more tracks than any recorder writes")),
        };
        Ok(&mut self.tracks[at])
    }
}

/// Units of a timescale as a length; none where it is zero or longer than a day.
fn length(units: u64, timescale: u32) -> Option<DurationUs> {
    if timescale == 0 || units == 0 {
        return None;
    }
    let us = u128::from(units) * 1_000_000 / u128::from(timescale);
    i64::try_from(us).ok().map(DurationUs).filter(|length| *length <= LENGTH_MAX && length.0 > 0)
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

type Visit<'a, R> = &'a mut dyn FnMut(&mut R, [u8; 4], u64, u64) -> Result<()>;

/// Calls `visit` with the kind, start and end of the content of each box in `[start, end)`.
fn walk<R: Read + Seek>(reader: &mut R, start: u64, end: u64, visit: Visit<'_, R>) -> Result<()> {
    let mut at = start;
    for _ in 0..BOXES_MAX {
        if end.saturating_sub(at) < 8 {
            return Ok(());
        }
        reader.seek(SeekFrom::Start(at))?;
        let (size, kind) = (u32_of(reader)?, kind_of(reader)?);
        let (head, size) = match size {
            0 => (8, end - at),
            1 => (16, u64_of(reader)?),
            size => (8, u64::from(size)),
        };
        let next = at.checked_add(size).filter(|next| size >= head && *next <= end);
        let Some(next) = next else {
            return Err(broken("a box that is longer than what holds it"));
        };
        visit(reader, kind, at + head, next)?;
        at = next;
    }
    Err(broken("more boxes than any recorder writes"))
}

fn moov<R: Read + Seek>(reader: &mut R, start: u64, end: u64, reading: &mut Reading) -> Result<()> {
    walk(reader, start, end, &mut |reader, kind, start, end| match &kind {
        b"mvhd" => mvhd(reader, reading),
        b"trak" => trak(reader, start, end, reading),
        b"mvex" => walk(reader, start, end, &mut |reader, kind, _, _| match &kind {
            b"mehd" => {
                let long = version_of(reader)? == 1;
                reading.announced = Some(wide_of(reader, long)?);
                Ok(())
            }
            b"trex" => {
                version_of(reader)?;
                let id = u32_of(reader)?;
                u32_of(reader)?; // the sample description
                reading.track(id)?.default_duration = u32_of(reader)?;
                Ok(())
            }
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

fn mvhd<R: Read>(reader: &mut R, reading: &mut Reading) -> Result<()> {
    let long = version_of(reader)? == 1;
    let created = wide_of(reader, long)?;
    wide_of(reader, long)?; // the last change
    reading.movie_timescale = u32_of(reader)?;
    let units = wide_of(reader, long)?;
    let unknown = if long { u64::MAX } else { u64::from(u32::MAX) };
    if units != unknown {
        reading.timing.length = length(units, reading.movie_timescale);
    }
    reading.timing.created = created
        .checked_sub(EPOCH_1904_S)
        .and_then(|s| i64::try_from(s).ok()?.checked_mul(1_000_000))
        .map(UtcMicros)
        .filter(|at| at.0 > 0 && *at < UtcMicros::MAX);
    Ok(())
}

fn trak<R: Read + Seek>(reader: &mut R, start: u64, end: u64, reading: &mut Reading) -> Result<()> {
    let (mut id, mut timescale) = (0, 0);
    walk(reader, start, end, &mut |reader, kind, start, end| match &kind {
        b"tkhd" => {
            let long = version_of(reader)? == 1;
            wide_of(reader, long)?;
            wide_of(reader, long)?;
            id = u32_of(reader)?;
            Ok(())
        }
        b"mdia" => walk(reader, start, end, &mut |reader, kind, _, _| {
            if &kind == b"mdhd" {
                let long = version_of(reader)? == 1;
                wide_of(reader, long)?;
                wide_of(reader, long)?;
                timescale = u32_of(reader)?;
            }
            Ok(())
        }),
        _ => Ok(()),
    })?;
    reading.track(id)?.timescale = timescale;
    Ok(())
}

fn traf<R: Read + Seek>(reader: &mut R, start: u64, end: u64, reading: &mut Reading) -> Result<()> {
    let (mut id, mut default_duration, mut decode_time, mut played) = (0, None, None, 0_u64);
    let tracks = &*reading;
    walk(reader, start, end, &mut |reader, kind, start, end| match &kind {
        b"tfhd" => {
            let flags = flags_of(reader)?;
            id = u32_of(reader)?;
            let offset_bytes = if flags & 0x1 != 0 { 8 } else { 0 };
            let description_bytes = if flags & 0x2 != 0 { 4 } else { 0 };
            if flags & 0x8 != 0 {
                reader.seek(SeekFrom::Current(offset_bytes + description_bytes))?;
                default_duration = Some(u32_of(reader)?);
            }
            Ok(())
        }
        b"tfdt" => {
            let long = version_of(reader)? == 1;
            decode_time = Some(wide_of(reader, long)?);
            Ok(())
        }
        b"trun" => {
            let known = tracks.tracks.iter().find(|track| track.id == id).map(|track| track.default_duration);
            let each = default_duration.or(known).unwrap_or(0);
            played = played.saturating_add(trun(reader, end - start, each)?);
            Ok(())
        }
        _ => Ok(()),
    })?;
    let track = reading.track(id)?;
    // Without `tfdt` a fragment follows the one before it.
    let from = decode_time.unwrap_or(track.end);
    track.first = Some(track.first.map_or(from, |first| first.min(from)));
    track.end = track.end.max(from.saturating_add(played));
    Ok(())
}

/// How long a run of samples plays, in the track's timescale.
fn trun<R: Read>(reader: &mut R, size: u64, each: u32) -> Result<u64> {
    let flags = flags_of(reader)?;
    let samples = u32_of(reader)?;
    if flags & 0x100 == 0 {
        return Ok(u64::from(samples) * u64::from(each));
    }
    let mut head = 8;
    for flag in [0x1, 0x4] {
        if flags & flag != 0 {
            u32_of(reader)?;
            head += 4;
        }
    }
    // Duration, size, flags, composition offset: four bytes each, where they are there.
    let row = 4 * u64::from((flags & 0xF00).count_ones());
    if samples > SAMPLES_MAX || u64::from(samples) * row > size.saturating_sub(head) {
        return Err(broken("more samples than the box can hold"));
    }
    let mut rows = vec![0; usize::try_from(u64::from(samples) * row).map_err(|_| broken("a run too long"))?];
    reader.read_exact(&mut rows)?;
    let step = usize::try_from(row).map_err(|_| broken("a run too long"))?;
    Ok(rows.chunks_exact(step).map(|row| u64::from(u32::from_be_bytes([row[0], row[1], row[2], row[3]]))).sum())
}

fn u32_of<R: Read>(reader: &mut R) -> Result<u32> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn u64_of<R: Read>(reader: &mut R) -> Result<u64> {
    let mut bytes = [0; 8];
    reader.read_exact(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

fn kind_of<R: Read>(reader: &mut R) -> Result<[u8; 4]> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A number of eight or four bytes, as the box's version says.
fn wide_of<R: Read>(reader: &mut R, long: bool) -> Result<u64> {
    if long { u64_of(reader) } else { u32_of(reader).map(u64::from) }
}

fn version_of<R: Read>(reader: &mut R) -> Result<u8> {
    u32_of(reader).map(|word| word.to_be_bytes()[0])
}

fn flags_of<R: Read>(reader: &mut R) -> Result<u32> {
    u32_of(reader).map(|word| word & 0x00FF_FFFF)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
