//! RADIUS over TLS, with a client of our own: both sides show certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kukaku_radius::LinkEventKind;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{is_answer, request, status_server};
use crate::site::{Folder, Site, said, soon};

const KEY: &[u8] = b"radsec";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: PathBuf,
    folder: Folder,
}

impl Authority {
    fn new() -> Self {
        let folder = Folder::new();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "site CA");
        let key = KeyPair::generate().unwrap();
        let certificate = folder.write("ca.pem", &params.self_signed(&key).unwrap().pem());
        Self { issuer: Issuer::new(params, key), certificate, folder }
    }

    /// A certificate and its key.
    fn leaf(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let written = self.folder.write(&format!("{name}.pem"), &certificate.pem());
        (written, self.folder.write(&format!("{name}.key"), &key.serialize_pem()))
    }

    async fn site(&self) -> Site {
        let (certificate, key) = self.leaf("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        let shown = |path: &Path| format!("{:?}", path.to_str().unwrap());
        Site::start(&format!(
            "[tls]\nlisten = \"127.0.0.1:0\"\ncertificate = {}\nkey = {}\nclient_ca = {}\n\
             peers = [{{ source = \"vpn-1\", certificate = \"gw.example\" }}]",
            shown(&certificate),
            shown(&key),
            shown(&self.certificate)
        ))
        .await
    }

    async fn connect(
        &self,
        site: &Site,
        identity: Option<(PathBuf, PathBuf)>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.certificate).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
                config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
            }
        };
        let stream = TcpStream::connect(site.tls.unwrap()).await?;
        let name = ServerName::try_from("localhost").unwrap();
        soon("a handshake", TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }

    async fn gateway(&self, site: &Site) -> TlsStream<TcpStream> {
        let identity = self.leaf("gw.example", ExtendedKeyUsagePurpose::ClientAuth);
        self.connect(site, Some(identity)).await.unwrap()
    }
}

async fn hear(stream: &mut TlsStream<TcpStream>) -> Vec<u8> {
    let mut head = [0; 4];
    soon("an answer", stream.read_exact(&mut head)).await.unwrap();
    let mut answer = head.to_vec();
    answer.resize(usize::from(u16::from_be_bytes([head[2], head[3]])), 0);
    soon("its rest", stream.read_exact(&mut answer[4..])).await.unwrap();
    answer
}

#[tokio::test]
async fn requests_in_any_pieces_are_answered_after_their_commit() {
    let authority = Authority::new();
    let mut site = authority.site().await;
    let mut gateway = authority.gateway(&site).await;
    assert!(matches!(site.told().await, LinkEventKind::Connected { source, .. } if source == "vpn-1"));
    site.writer.hold();
    let (first, second) = (request(1, 1, "7", KEY), request(2, 2, "7", KEY));
    let stream = [first.clone(), second.clone()].concat();
    for piece in stream.chunks(9) {
        gateway.write_all(piece).await.unwrap();
        gateway.flush().await.unwrap();
    }
    let arrivals = site.writer.came(2).await;
    assert_eq!(
        arrivals.iter().map(said).collect::<Vec<_>>(),
        ["session.started vpn-gw/7 a01", "session.ended vpn-gw/7 -"]
    );
    assert_eq!(arrivals[0].link, "radius-tls");
    assert_eq!(site.counted().answered, 0, "answered before the commit");
    site.writer.settle(true);
    let answers = [hear(&mut gateway).await, hear(&mut gateway).await];
    for request in [&first, &second] {
        assert!(answers.iter().any(|answer| is_answer(answer, request, KEY) && answer[0] == 5));
    }
    let asked = status_server(3, KEY);
    gateway.write_all(&asked).await.unwrap();
    let answer = hear(&mut gateway).await;
    assert!(is_answer(&answer, &asked, KEY) && answer[0] == 2 && answer[20] == 80, "{answer:02X?}");
    drop(gateway);
    assert!(matches!(site.told().await, LinkEventKind::Disconnected { .. }));
    site.end().await;
}

#[tokio::test]
async fn a_stream_that_is_out_of_step_is_closed() {
    let authority = Authority::new();
    let mut site = authority.site().await;
    for bytes in [vec![4, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], request(1, 1, "7", b"another")] {
        let mut gateway = authority.gateway(&site).await;
        gateway.write_all(&bytes).await.unwrap();
        let mut rest = Vec::new();
        let read = soon("the end", gateway.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{read:?} {rest:02X?}");
        while !matches!(site.told().await, LinkEventKind::Disconnected { .. }) {}
    }
    assert!(site.writer.arrivals().is_empty());
}

#[tokio::test]
async fn nobody_is_let_in_without_a_certificate_of_a_peer() {
    let authority = Authority::new();
    let mut site = authority.site().await;
    let stranger = authority.leaf("stranger.example", ExtendedKeyUsagePurpose::ClientAuth);
    for identity in
        [None, Some(stranger), Some(Authority::new().leaf("gw.example", ExtendedKeyUsagePurpose::ClientAuth))]
    {
        // With TLS 1.3 the refusal may come only with the first read.
        if let Ok(mut stream) = authority.connect(&site, identity).await {
            let _ = stream.write_all(&request(1, 1, "7", KEY)).await;
            let mut rest = Vec::new();
            let read = soon("the end", stream.read_to_end(&mut rest)).await;
            assert!(rest.is_empty(), "{read:?} {rest:02X?}");
        }
    }
    assert!(matches!(site.told().await, LinkEventKind::NotLetIn { .. }));
    assert_eq!(site.counted().not_let_in, 3);
    assert!(site.writer.arrivals().is_empty());
}
