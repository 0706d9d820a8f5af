//! Datagrams of our own.

use kukaku_radius::{LinkEventKind, UDP_UNDERWAY_MAX};
use tokio::net::UdpSocket;

use crate::client::{is_answer, request};
use crate::site::{SECRET, Site, said, soon};

const KEY: &[u8] = SECRET.as_bytes();

struct Nas(UdpSocket);

impl Nas {
    async fn new(site: &Site) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(site.udp.unwrap()).await.unwrap();
        Self(socket)
    }

    async fn send(&self, bytes: &[u8]) {
        self.0.send(bytes).await.unwrap();
    }

    async fn hear(&self) -> Vec<u8> {
        let mut buffer = [0; 4096];
        let length = soon("an answer", self.0.recv(&mut buffer)).await.unwrap();
        buffer[..length].to_vec()
    }

    fn has_heard(&self) -> bool {
        self.0.try_recv(&mut [0; 4096]).is_ok()
    }
}

#[tokio::test]
async fn nothing_is_answered_before_it_is_durable_and_a_repeat_is_joined() {
    let site = Site::plain("").await;
    let nas = Nas::new(&site).await;
    site.writer.hold();
    let (first, second) = (request(1, 1, "7", KEY), request(2, 1, "8", KEY));
    nas.send(&first).await;
    site.writer.came(1).await;
    nas.send(&first).await;
    nas.send(&second).await;
    let arrivals = site.writer.came(2).await;
    assert_eq!(
        arrivals.iter().map(said).collect::<Vec<_>>(),
        ["session.started vpn-gw/7 a01", "session.started vpn-gw/8 a01"]
    );
    assert_eq!(arrivals[0].link, "radius");
    assert!(!nas.has_heard(), "answered before the commit");
    site.writer.settle(true);
    let answers = [nas.hear().await, nas.hear().await];
    for request in [&first, &second] {
        assert!(answers.iter().any(|answer| is_answer(answer, request, KEY)));
    }
    assert_eq!((site.counted().joined, site.counted().answered), (1, 2));
    // Sent again after its answer: the same observation, for the journal to absorb, and an answer.
    nas.send(&first).await;
    assert!(is_answer(&nas.hear().await, &first, KEY));
    let arrivals = site.writer.came(3).await;
    assert_eq!(arrivals[0], arrivals[2]);
    site.end().await;
}

#[tokio::test]
async fn what_was_not_kept_is_not_answered_and_can_be_sent_again() {
    let mut site = Site::plain("").await;
    let nas = Nas::new(&site).await;
    site.writer.hold();
    let request = request(1, 2, "7", KEY);
    nas.send(&request).await;
    site.writer.came(1).await;
    site.writer.settle(false);
    let LinkEventKind::NotKept { source, why, .. } = site.told().await else { panic!() };
    assert_eq!((source.as_str(), why.as_str()), ("vpn-1", "append: disk full"));
    nas.send(&request).await;
    assert!(is_answer(&nas.hear().await, &request, KEY));
    assert!(!nas.has_heard());
    assert_eq!((site.counted().not_kept, site.counted().answered), (1, 1));
}

#[tokio::test]
async fn the_malformed_and_the_forged_are_told_and_never_answered() {
    let mut site = Site::plain("").await;
    let nas = Nas::new(&site).await;
    nas.send(&request(1, 1, "7", b"another")).await;
    let LinkEventKind::Refused { why, .. } = site.told().await else { panic!() };
    assert_eq!(why, "its Request Authenticator doesn't fit the shared secret");
    let whole = request(2, 1, "7", KEY);
    nas.send(&whole[..whole.len() - 1]).await;
    nas.send(&[]).await;
    nas.send(&request(3, 1, "7", KEY)).await;
    assert_eq!(nas.hear().await[1], 3, "the first that is answered");
    assert_eq!(site.counted().refused, 3);
    assert_eq!(site.writer.arrivals().len(), 1);
}

#[tokio::test]
async fn who_is_unknown_is_counted_and_never_answered() {
    let config = "listen = \"127.0.0.1:0\"\n[[clients]]\naddress = \"127.0.0.2\"\nsource = \"vpn-1\"\nsecret_file = \"vpn.secret\"";
    let mut site = Site::start(config).await;
    let nas = Nas::new(&site).await;
    nas.send(&request(1, 1, "7", KEY)).await;
    assert!(matches!(site.told().await, LinkEventKind::UnknownSender { .. }));
    let known = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    known.connect(site.udp.unwrap()).await.unwrap();
    let known = Nas(known);
    known.send(&request(2, 1, "8", KEY)).await;
    assert_eq!(known.hear().await[1], 2);
    assert!(!nas.has_heard());
    assert_eq!((site.counted().unknown_senders, site.counted().requests), (1, 1));
}

#[tokio::test]
async fn a_message_authenticator_is_demanded_where_it_is_configured() {
    let mut site = Site::plain("demand_message_authenticator = true").await;
    let nas = Nas::new(&site).await;
    nas.send(&request(1, 1, "7", KEY)).await;
    let LinkEventKind::Refused { why, .. } = site.told().await else { panic!() };
    assert_eq!(why, "it has no Message-Authenticator, and one is demanded");
    assert!(site.writer.arrivals().is_empty() && !nas.has_heard());
}

#[tokio::test]
async fn more_than_the_limit_is_dropped_and_counted() {
    let mut site = Site::plain("").await;
    let nas = Nas::new(&site).await;
    site.writer.hold();
    for number in 0..UDP_UNDERWAY_MAX {
        nas.send(&request(1, 1, &number.to_string(), KEY)).await;
        // One at a time: the system's own buffer is not what is tested here.
        site.writer.came(number + 1).await;
    }
    nas.send(&request(2, 1, "one more", KEY)).await;
    assert!(matches!(site.told().await, LinkEventKind::Overloaded { .. }));
    site.writer.settle(true);
    for _ in 0..UDP_UNDERWAY_MAX {
        assert_eq!(nas.hear().await[1], 1);
    }
    nas.send(&request(2, 1, "one more", KEY)).await;
    assert_eq!(nas.hear().await[1], 2);
    assert_eq!(site.counted().overloaded, 1);
}

#[tokio::test]
async fn what_is_underway_at_the_end_is_answered() {
    let site = Site::plain("").await;
    let nas = Nas::new(&site).await;
    site.writer.hold();
    let request = request(1, 1, "7", KEY);
    nas.send(&request).await;
    site.writer.came(1).await;
    let writer = site.writer.clone();
    let (ended, answer) = tokio::join!(site.end(), async {
        tokio::task::yield_now().await;
        writer.settle(true);
        nas.hear().await
    });
    let () = ended;
    assert!(is_answer(&answer, &request, KEY));
}
