//! MP4 files built byte by byte, whole, fragmented, broken and hostile.
//!
//! The harm: a wrong length is a gap in the footage that isn't one, or hides one that is.

use std::io::Cursor;

use super::*;
use proptest::prelude::*;

/// A box: size, kind, content.
pub(crate) fn mp4_box(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(content.len() + 8).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(kind);
    bytes.extend_from_slice(content);
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

fn since_1904(at: UtcMicros) -> u32 {
    u32::try_from(at.0 / 1_000_000 + 2_082_844_800).unwrap()
}

fn mvhd(created: u32, timescale: u32, units: u32) -> Vec<u8> {
    let mut content = words(&[0, created, created, timescale, units]);
    content.extend_from_slice(&[0; 80]);
    mp4_box(b"mvhd", &content)
}

fn trak(id: u32, timescale: u32) -> Vec<u8> {
    let tkhd = mp4_box(b"tkhd", &joined(&[words(&[0, 0, 0, id]), vec![0; 68]]));
    let mdhd = mp4_box(b"mdhd", &words(&[0, 0, 0, timescale, 0, 0]));
    mp4_box(b"trak", &joined(&[tkhd, mp4_box(b"mdia", &mdhd)]))
}

/// A whole file: headers at the end, after `payload` bytes of video, as recorders write them.
pub(crate) fn whole(created: Option<UtcMicros>, length_ms: u32, payload: usize) -> Vec<u8> {
    let moov = joined(&[mvhd(created.map_or(0, since_1904), 1000, length_ms), trak(1, 90_000)]);
    joined(&[mp4_box(b"ftyp", b"isom\0\0\0\0isom"), mp4_box(b"mdat", &vec![7; payload]), mp4_box(b"moov", &moov)])
}

/// A fragmented file: each fragment `(decode time, sample durations)` of track 1 at 90 kHz.
fn fragmented(fragments: &[(u64, &[u32])]) -> Vec<u8> {
    let trex = mp4_box(b"trex", &words(&[0, 1, 1, 3_000, 0, 0]));
    let moov = joined(&[mvhd(0, 1000, 0), trak(1, 90_000), mp4_box(b"mvex", &trex)]);
    let mut file = joined(&[mp4_box(b"ftyp", b"iso5\0\0\0\0iso5"), mp4_box(b"moov", &moov)]);
    for (from, durations) in fragments {
        let tfhd = mp4_box(b"tfhd", &words(&[0x0002_0000, 1]));
        let tfdt = mp4_box(b"tfdt", &joined(&[words(&[0x0100_0000]), from.to_be_bytes().to_vec()]));
        // Duration and size of each sample, and an offset.
        let mut run = words(&[0x0000_0301, u32::try_from(durations.len()).unwrap(), 0]);
        for duration in *durations {
            run.extend(words(&[*duration, 100]));
        }
        let traf = mp4_box(b"traf", &joined(&[tfhd, tfdt, mp4_box(b"trun", &run)]));
        file.extend(mp4_box(b"moof", &joined(&[mp4_box(b"mfhd", &words(&[0, 1])), traf])));
        file.extend(mp4_box(b"mdat", &[0; 50]));
    }
    file
}

fn read(file: &[u8]) -> Timing {
    timing(&mut Cursor::new(file), file.len() as u64).unwrap()
}

#[test]
fn a_whole_file_says_when_and_how_long() {
    let at = UtcMicros::parse_rfc3339("2026-11-22T00:05:10Z").unwrap();
    let expected = Timing { created: Some(at), length: Some(DurationUs(9_984_000)) };
    assert_eq!(read(&whole(Some(at), 9_984, 5_000)), expected);
    assert_eq!(read(&whole(None, 0, 10)), Timing::default());
}

#[test]
fn headers_of_64_bits_are_read() {
    let mut content = words(&[0x0100_0000]);
    content.extend(3_875_000_000_u64.to_be_bytes());
    content.extend(0_u64.to_be_bytes());
    content.extend(words(&[48_000]));
    content.extend(480_000_u64.to_be_bytes());
    let moov = mp4_box(b"moov", &mp4_box(b"mvhd", &content));
    // The video's box has a size of 64 bits too.
    let mut mdat = words(&[1]);
    mdat.extend(b"mdat");
    mdat.extend(24_u64.to_be_bytes());
    mdat.extend([0; 8]);
    let timing = read(&joined(&[mdat, moov]));
    assert_eq!(timing.length, Some(DurationUs::from_secs(10)));
    assert_eq!(timing.created, Some(UtcMicros((3_875_000_000 - 2_082_844_800) * 1_000_000)));
}

#[test]
fn fragments_are_added_from_the_first_decode_time_to_the_last_sample() {
    let second = [3_000; 30];
    let file = fragmented(&[(900_000, &second), (990_000, &second), (1_170_000, &second[..15])]);
    // The third begins a second late: the hole counts, the file spans it.
    assert_eq!(read(&file).length, Some(DurationUs(3_500_000)));
}

#[test]
fn a_recorder_that_lost_power_leaves_the_fragments_before() {
    let second = [3_000; 30];
    let file = fragmented(&[(0, &second), (90_000, &second)]);
    assert_eq!(read(&file).length, Some(DurationUs::from_secs(2)));
    // The last video is cut; then the last header.
    assert_eq!(read(&file[..file.len() - 20]).length, Some(DurationUs::from_secs(2)));
    assert_eq!(read(&file[..file.len() - 100]).length, Some(DurationUs::from_secs(1)));
    // A file whose headers were to come at its end has none.
    let whole = whole(None, 10_000, 5_000);
    assert_eq!(read(&whole[..3_000]), Timing::default());
}

#[test]
fn a_fragment_without_durations_takes_the_tracks() {
    let tfhd = mp4_box(b"tfhd", &words(&[0, 1]));
    let traf = mp4_box(b"traf", &joined(&[tfhd, mp4_box(b"trun", &words(&[0, 60]))]));
    let mut file = fragmented(&[]);
    // Two of them, one after the other, because neither says when it begins.
    file.extend(mp4_box(b"moof", &traf));
    file.extend(mp4_box(b"moof", &traf));
    assert_eq!(read(&file).length, Some(DurationUs::from_secs(4)));
}

#[test]
fn forged_numbers_cost_nothing_and_mean_nothing() {
    // Four thousand million samples in twenty bytes.
    let tfhd = mp4_box(b"tfhd", &words(&[0, 1]));
    let run = mp4_box(b"trun", &words(&[0x100, u32::MAX, 1]));
    let mut file = fragmented(&[]);
    file.extend(mp4_box(b"moof", &mp4_box(b"traf", &joined(&[tfhd, run]))));
    assert_eq!(read(&file).length, None);
    // A length of years, a timescale of zero.
    for (timescale, units) in [(1, u32::MAX - 1), (0, 10_000)] {
        let moov = mp4_box(b"moov", &mvhd(0, timescale, units));
        assert_eq!(read(&moov).length, None);
    }
    // Boxes of no size, for ever.
    let endless: Vec<u8> = std::iter::repeat_n(mp4_box(b"free", &[]), 60_000).flatten().collect();
    assert_eq!(read(&endless), Timing::default());
}

#[test]
fn a_disk_error_is_no_broken_file() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> Result<usize> {
            Err(Error::other("input/output error"))
        }
    }
    impl Seek for Broken {
        fn seek(&mut self, _: SeekFrom) -> Result<u64> {
            Ok(0)
        }
    }
    assert!(timing(&mut Broken, 1_000).is_err());
}

proptest! {
    #[test]
    fn no_file_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
    }

    #[test]
    fn no_damage_breaks_the_reader(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), cut in any::<prop::sample::Index>(),
    ) {
        let second = [3_000; 3];
        let mut file = [whole(None, 1_000, 30), fragmented(&[(0, &second), (9_000, &second)])].concat();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(cut.index(file.len()) + 1);
        let length = read(&file).length;
        prop_assert!(length.is_none_or(|length| length.0 > 0 && length <= LENGTH_MAX));
    }
}
