//! The signal tower: a simulator that speaks the documented bytes, and its HTTP commands.

use std::sync::{Arc, Mutex};

use super::house::*;
use kukaku_notify::{AlertState, DeliveryError, Rules, TowerLook, TowerState};
use kukaku_schema::Severity;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What the simulated tower shows: red, amber, green, blue, white, buzzer.
type Lamps = Arc<Mutex<[u8; 6]>>;

/// Reads PNS commands byte by byte, as the manual writes them; answers 06H or 15H.
async fn simulate(lamps: Lamps, listener: TcpListener) {
    loop {
        let (mut link, _) = listener.accept().await.unwrap();
        let mut head = [0; 6];
        if link.read_exact(&mut head).await.is_err() {
            continue;
        }
        let size = usize::from(u16::from_be_bytes([head[4], head[5]]));
        let mut data = vec![0; size];
        link.read_exact(&mut data).await.unwrap();
        let answer = match (&head[..4], data.as_slice()) {
            ([0x58, 0x58, 0x53, 0x00], &[r, a, g, b, w, z]) => {
                let mut lamps = lamps.lock().unwrap();
                for (lamp, wanted) in lamps.iter_mut().zip([r, a, g, b, w, z]) {
                    if wanted != 9 {
                        *lamp = wanted;
                    }
                }
                vec![0x06]
            }
            ([0x58, 0x58, 0x43, 0x00], []) => {
                *lamps.lock().unwrap() = [0; 6];
                vec![0x06]
            }
            ([0x58, 0x58, 0x47, 0x00], []) => lamps.lock().unwrap().to_vec(),
            _ => vec![0x15],
        };
        link.write_all(&answer).await.unwrap();
    }
}

fn state(worst_open: Option<Severity>, silenced: bool) -> TowerState {
    TowerState { worst_open, silenced }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tower_shows_the_gravest_open_finding() {
    let lamps = Lamps::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(simulate(lamps.clone(), listener));
    let channels = channels(&format!(
        "[[tower]]\nid = \"tower\"\naddress = \"{address}\"\n[tower.high]\namber = \"flash2\"\nblue = \"keep\"\n"
    ));
    let tower = &channels.towers[0];
    lamps.lock().unwrap()[3] = 1; // Somebody else's blue light.
    for (shown, lit) in [
        (state(Some(Severity::High), false), [0, 3, 0, 1, 0, 0]),
        (state(Some(Severity::Critical), false), [2, 0, 0, 0, 0, 1]),
        (state(Some(Severity::Critical), true), [2, 0, 0, 0, 0, 0]),
        (state(Some(Severity::Medium), false), [0, 1, 0, 0, 0, 0]),
        (state(None, false), [0, 0, 1, 0, 0, 0]),
    ] {
        tower.deliver(shown).await.unwrap();
        assert_eq!(*lamps.lock().unwrap(), lit, "{shown:?}");
        assert_eq!(tower.look().await.unwrap(), TowerLook(lit));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dark_tower_is_cleared_by_its_own_command() {
    let lamps = Lamps::default();
    *lamps.lock().unwrap() = [1; 6];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(simulate(lamps.clone(), listener));
    let channels = channels(&format!("[[tower]]\nid = \"tower\"\naddress = \"{address}\"\nclear = {{}}\n"));
    channels.towers[0].deliver(TowerState::default()).await.unwrap();
    assert_eq!(*lamps.lock().unwrap(), [0; 6]);
}

/// Answers every connection with these bytes after it read something.
async fn parrot(answer: &'static [u8]) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let ears = heard.clone();
    tokio::spawn(async move {
        loop {
            let (mut link, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 1024];
            let n = link.read(&mut bytes).await.unwrap();
            ears.lock()
                .unwrap()
                .push(String::from_utf8_lossy(&bytes[..n]).lines().next().unwrap_or_default().to_owned());
            link.write_all(answer).await.unwrap();
        }
    });
    (address, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tower_that_says_no_or_nonsense_is_shown_and_a_silent_one_tried_again() {
    for (answer, refused) in [(&b"\x15"[..], true), (b"Q", true), (b"", false)] {
        let (address, _) = parrot(answer).await;
        let channels = channels(&format!("[[tower]]\nid = \"tower\"\naddress = \"{address}\"\ntimeout = \"2s\"\n"));
        let error = channels.towers[0].deliver(state(Some(Severity::High), false)).await.unwrap_err();
        assert_eq!(error.is_refused(), refused, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_commands_carry_six_digits() {
    let (address, heard) = parrot(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nSuccess.").await;
    let channels =
        channels(&format!("[[tower]]\nid = \"tower\"\naddress = \"{address}\"\nprotocol = \"http\"\nclear = {{}}\n"));
    let tower = &channels.towers[0];
    tower.deliver(state(Some(Severity::Critical), false)).await.unwrap();
    tower.deliver(state(None, false)).await.unwrap();
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard, ["GET /api/control?alert=200001 HTTP/1.1", "GET /api/control?clear=1 HTTP/1.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_over_http_is_no_success() {
    let (address, _) = parrot(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nError.").await;
    let channels = channels(&format!("[[tower]]\nid = \"tower\"\naddress = \"{address}\"\nprotocol = \"http\"\n"));
    let error = channels.towers[0].deliver(TowerState::default()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Refused(_)), "{error}");
}

#[test]
fn only_what_the_rules_send_to_the_tower_lights_it() {
    let config: kukaku_notify::AlertsConfig = toml::from_str(
        "[[tower]]\nid = \"tower\"\naddress = \"127.0.0.1:10000\"\n[[rule]]\nto = [\"tower\"]\nmin_severity = \"high\"\n",
    )
    .unwrap();
    let rules: Rules = config.rules();
    let tower = &config.tower[0].id;
    let of = |severity, alert_state, acknowledged| {
        let mut alert = alert();
        (alert.severity, alert.state) = (severity, alert_state);
        (alert, acknowledged)
    };
    let shown =
        |alerts: &[(kukaku_notify::Alert, bool)]| TowerState::of(&rules, tower, alerts.iter().map(|(a, b)| (a, *b)));
    let medium = of(Severity::Medium, AlertState::Opened, false);
    let closed = of(Severity::Critical, AlertState::Resolved, false);
    assert_eq!(shown(&[medium.clone(), closed]), TowerState::default());
    let high = of(Severity::High, AlertState::Changed, true);
    assert_eq!(shown(&[medium, high.clone()]), state(Some(Severity::High), true));
    // One that nobody acknowledged is enough for the buzzer.
    let fresh = of(Severity::High, AlertState::Opened, false);
    assert_eq!(shown(&[high, fresh]), state(Some(Severity::High), false));
}
