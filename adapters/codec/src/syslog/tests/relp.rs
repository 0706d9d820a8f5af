//! RELP: the harm is a line that its sender forgets before it is kept.

use super::super::LINE_MAX_BYTES;
use super::super::relp::{NotRelp, RelpAsk, RelpDecoder, RelpServer, encode_frame, encode_kept, encode_serverclose};

/// What the server says to a stream: answers as they are, lines as `txnr:line`.
fn talk(stream: &[u8]) -> (Vec<String>, Result<(), NotRelp>) {
    let (mut decoder, mut server, mut said) = (RelpDecoder::new(), RelpServer::new(), Vec::new());
    let end = decoder.push(stream, |frame| {
        said.push(match server.hear(frame) {
            RelpAsk::Opened(answer) | RelpAsk::Closed(answer) | RelpAsk::Refused { answer, .. } => {
                String::from_utf8(answer).unwrap()
            }
            RelpAsk::Line { txnr, line: Ok(line) } => format!("{txnr}:{}", String::from_utf8_lossy(line)),
            RelpAsk::Line { txnr, line: Err(broken) } => format!("{txnr}!{}", broken.length),
        });
    });
    (said, end)
}

const OPEN: &[u8] = b"1 open 30 relp_version=0\ncommands=syslog\n";

#[test]
fn a_session_from_open_to_close() {
    let (said, end) = talk(&[OPEN, b"2 syslog 8 <13>one\n\n3 syslog 0\n4 close 0\n"].concat());
    assert_eq!(end, Ok(()));
    assert!(said[0].starts_with("1 rsp ") && said[0].ends_with("commands=syslog\n"), "{}", said[0]);
    assert_eq!(said[1..], ["2:<13>one", "3:", "4 rsp 0\n"]);
    let mut kept = Vec::new();
    encode_kept(&mut kept, 2);
    encode_serverclose(&mut kept);
    assert_eq!(kept, b"2 rsp 6 200 OK\n0 serverclose 0\n");
}

#[test]
fn what_is_out_of_turn_is_refused_in_words() {
    for (stream, why) in [
        (&b"1 syslog 3 <1>\n"[..], "before the session is open"),
        (b"1 close 0\n", "before the session is open"),
        (b"1 open 14 relp_version=0\n", "doesn't offer"),
        (b"1 starttls 0\n", "unknown command"),
    ] {
        let (said, end) = talk(stream);
        assert_eq!(end, Ok(()));
        assert!(said[0].contains("500 ") && said[0].contains(why), "{}", said[0]);
    }
}

#[test]
fn bytes_that_are_no_relp_end_it() {
    for stream in [
        &b"<13>plain syslog\n"[..],
        b"x",
        b" open 0\n",
        b"1234567890 open 0\n",
        b"1 op3n 0\n",
        b"1  0\n",
        b"1 open 5\n",
        b"1 open -1 \n",
        b"1 syslog 2 abc\n",
        b"1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0\n",
    ] {
        assert!(talk(stream).1.is_err(), "{}", String::from_utf8_lossy(stream));
    }
}

#[test]
fn a_line_that_is_too_long_is_told_and_the_next_is_not_lost() {
    let mut stream = OPEN.to_vec();
    encode_frame(&mut stream, 2, "syslog", &vec![b'x'; LINE_MAX_BYTES + 1]);
    encode_frame(&mut stream, 3, "syslog", b"<13>next");
    assert_eq!(talk(&stream).0[1..], [format!("2!{}", LINE_MAX_BYTES + 1), "3:<13>next".to_owned()]);
}
