//! `kukaku demo`: the real daemon, and devices that speak to it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use kukaku_schema::{Lang, UtcMicros};
use kukaku_store::users::Users;

use super::day::{Day, SEGMENT_PATTERN, SEGMENT_S};
use super::devices::{Speaker, play};
use super::line::Cable;
use super::scenario::Device;
use super::site::{Folder, REGISTERS, registers};
use crate::cli::InitArgs;
use crate::clock;
use crate::commands::{init, run as daemon, users};
use crate::config::load;
use crate::durable::{PUBLIC_MODE, SECRET_MODE, write_file};
use crate::failure::Failure;
use crate::mqtt_passwords::MqttPasswords;
use crate::rooms::Rooms;
use crate::say::say;
use crate::secrets;
use crate::site_dir::SiteDir;
use crate::writer::Writer;

/// The user of the pages.
const USER: &str = "demo";

/// Characters of the passwords that are made: 115 bits.
const PASSWORD_CHARS: usize = 20;

/// From the first word on the screen to the day's start, in seconds: time to sign in, and for
/// the devices to connect.
const LEAD_S: i64 = 3;

/// What the devices sign in with.
struct Secrets {
    user: String,
    panel: String,
    recorder: String,
    tomakomai: String,
    chitose: String,
    windows: String,
}

/// Makes the site, starts the daemon, plays the day, and goes on until it is stopped.
pub(super) fn run(port: u16) -> Result<(), Failure> {
    let folder = Folder::make()?;
    let cable = Cable::lay().map_err(|e| Failure::Failed(format!("open a pseudo-terminal: {e}")))?;
    let footage = folder.path().join("footage");
    std::fs::create_dir(&footage).map_err(|e| Failure::io("make folder", &footage, &e))?;
    let dir = SiteDir::at(folder.path().join("site"));
    let secrets = set_up(&folder, &dir)?;
    let web = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mqtt = free_address()?;
    let text = configuration(web, mqtt, cable.port(), &footage);
    write_file(&dir.config(), text.as_bytes(), PUBLIC_MODE).map_err(|e| Failure::io("write", &dir.config(), &e))?;
    let loaded = load(&dir.config()).map_err(|e| Failure::Written(e.to_string()))?;
    let registers = registers()?;
    daemon::run_site(&dir, &loaded, |rooms, writer, _| {
        tell(web, &secrets.user, folder.path());
        let day = Arc::new(Day::new(next_second(LEAD_S), &registers));
        let mqtt_of = |device: Device, password: &str| Speaker::mqtt(device, mqtt, password.to_owned());
        start(rooms, &day, Device::Panel1, mqtt_of(Device::Panel1, &secrets.panel));
        start(rooms, &day, Device::Cameras, mqtt_of(Device::Cameras, &secrets.recorder));
        start(rooms, &day, Device::Panel2, Speaker::Line(cable));
        start(rooms, &day, Device::Tomakomai, Speaker::http(web, secrets.tomakomai.clone()));
        start(rooms, &day, Device::Chitose, Speaker::http(web, secrets.chitose.clone()));
        start(rooms, &day, Device::Windows, Speaker::http(web, secrets.windows.clone()));
        start(rooms, &day, Device::Recorder, Speaker::Folder(footage.clone()));
        start(rooms, &day, Device::Desk, Speaker::Desk(Writer::clone(writer)));
    })
}

/// One room a device.
fn start(rooms: &mut Rooms, day: &Arc<Day>, device: Device, speaker: Speaker) {
    let day = Arc::clone(day);
    let speaker = Arc::new(tokio::sync::Mutex::new(speaker));
    rooms.start(format!("demo device {}", device.source()), move |stop| {
        play(Arc::clone(&day), device, Arc::clone(&speaker), stop)
    });
}

/// The instant of the full second that is at least `lead_s` away.
fn next_second(lead_s: i64) -> UtcMicros {
    UtcMicros((clock::now().0.div_euclid(1_000_000) + 1 + lead_s) * 1_000_000)
}

/// A whole installation as `kukaku init` makes it, with the devices' passwords and keys.
fn set_up(folder: &Folder, dir: &SiteDir) -> Result<Secrets, Failure> {
    let registers = folder.path().join("site.toml");
    write_file(&registers, REGISTERS.as_bytes(), SECRET_MODE).map_err(|e| Failure::io("write", &registers, &e))?;
    let made = init::install(&InitArgs {
        dir: dir.path().to_owned(),
        names: Vec::new(),
        csr: false,
        registers: Some(registers),
        admin: USER.to_owned(),
        lang: Lang::Ja,
    })?;
    let now = clock::now();
    let password = || secrets::new_password(PASSWORD_CHARS).map_err(Failure::Failed);
    let known = Users::open(&dir.store()).map_err(users::failure)?;
    // Of all four classes, as the rules ask.
    let user = format!("K7-{}", password()?);
    known.change_password(USER, Some(&made.password), &user, now).map_err(users::failure)?;
    let key = |device: Device| {
        let source = device.source().to_owned();
        known.create_key(&source, std::slice::from_ref(&source), false, now).map_err(users::failure)
    };
    let (tomakomai, chitose, windows) = (key(Device::Tomakomai)?, key(Device::Chitose)?, key(Device::Windows)?);
    let mut mqtt = MqttPasswords::default();
    let mut sign_up = |device: Device| {
        let (source, password) = (device.source(), password()?);
        mqtt.set(source, &password, vec![source.to_owned()]).map_err(Failure::Failed)?;
        Ok::<_, Failure>(password)
    };
    let (panel, recorder) = (sign_up(Device::Panel1)?, sign_up(Device::Cameras)?);
    mqtt.write(&dir.mqtt_passwords()).map_err(|e| Failure::io("write", &dir.mqtt_passwords(), &e))?;
    Ok(Secrets { user, panel, recorder, tomakomai, chitose, windows })
}

/// An address of this machine on which nothing listens.
fn free_address() -> Result<SocketAddr, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|e| Failure::Address(format!("find a free port for MQTT: {e}")))
}

/// The configuration: every link once. The folder of a recorder is named absolutely.
fn configuration(web: SocketAddr, mqtt: SocketAddr, port: &Path, footage: &Path) -> String {
    let (port, footage) = (port.display(), footage.display());
    format!(
        r#"lang = "ja"
log = "warn"

[web]
listen = "{web}"

# A demonstration is over in ten minutes. A site leaves this line out.
[passwords]
second_factor = []

[mqtt]
listen = "{mqtt}"

[[footage]]
source = "nvr-1"
root = "{footage}"
pattern = "{SEGMENT_PATTERN}"
segment_length = "{SEGMENT_S}s"

[[serial]]
port = "{port}"
{}"#,
        super::line::PROTOCOL
    )
}

fn tell(web: SocketAddr, password: &str, folder: &Path) {
    let folder = folder.display();
    say(format!(
        "kukaku デモ：保守センターの一日を10分で再現します。Ctrl-C で終了します。\n\
         \n\
         \u{20} 画面：          http://{web}/\n\
         \u{20} 利用者：        {USER}\n\
         \u{20} パスワード：    {password}\n\
         \u{20} フォルダ：      {folder}（一時的なもので、終了時に消えます）\n\
         \n\
         kukaku demo: a working day of a maintenance site in ten minutes. Ctrl-C ends it.\n\
         \n\
         \u{20} pages:     http://{web}/\n\
         \u{20} user:      {USER}\n\
         \u{20} password:  {password}\n\
         \u{20} folder:    {folder} (temporary: it is removed at the end)"
    ));
}
