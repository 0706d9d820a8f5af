//! Chromium, driven through chromedriver by the W3C WebDriver protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest that the browser may take for one thing.
pub const WAIT: Duration = Duration::from_secs(60);

/// The name of elements on the wire (WebDriver section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser window. Dropping it ends the browser and its driver.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    pub downloads: PathBuf,
    profile: PathBuf,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.try_call("DELETE", "", &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

impl Browser {
    /// Starts a browser with an empty profile of its own.
    pub fn start(name: &str) -> Self {
        let profile = std::env::temp_dir().join(format!("kukaku-browser-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&profile);
        let downloads = profile.join("downloads");
        std::fs::create_dir_all(&downloads).unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed by tests/install.sh");
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let started = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = started.expect("chromedriver tells its port");
        let mut browser =
            Self { driver, port, session: String::new(), downloads: downloads.clone(), profile: profile.clone() };
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--lang=ja".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let options = json!({"args": arguments, "prefs": {"download.default_directory": downloads, "download.prompt_for_download": false}});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "timeouts": {"script": WAIT.as_millis() as u64},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = browser.request("POST", "/session", &wanted).unwrap_or_else(|e| panic!("start a browser: {e}"));
        browser.session = made["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(|e| e.to_string())?;
        stream.set_read_timeout(Some(WAIT * 2)).map_err(|e| e.to_string())?;
        let body = if method == "POST" {
            if body.is_null() { "{}".to_owned() } else { body.to_string() }
        } else {
            String::new()
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .map_err(|e| e.to_string())?;
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0_usize);
        loop {
            line.clear();
            reader.read_line(&mut line).map_err(|e| e.to_string())?;
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| "no length".to_owned())?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).map_err(|e| e.to_string())?;
        let value: Value = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
        let value = value["value"].clone();
        match value.get("error") {
            Some(error) if !error.is_null() => Err(format!("{error}: {}", value["message"])),
            _ => Ok(value),
        }
    }

    fn try_call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        self.request(method, &format!("/session/{}{path}", self.session), body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_call(method, path, body).unwrap_or_else(|e| panic!("{method} {path} {body}: {e}"))
    }

    pub fn open(&self, url: &str) {
        self.call("POST", "/url", &json!({"url": url}));
    }

    pub fn address(&self) -> String {
        self.call("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// Gives pages a screen of so many pixels, as a kiosk or a phone does: without the browser's own rows.
    pub fn resize(&self, width: u32, height: u32) {
        let params = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("POST", "/goog/cdp/execute", &json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": params}));
    }

    fn find(&self, css: &str) -> String {
        let found = self.call("POST", "/element", &json!({"using": "css selector", "value": css}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub fn click(&self, css: &str) {
        let element = self.find(css);
        self.call("POST", &format!("/element/{element}/click"), &Value::Null);
    }

    /// Clicks on what leads to another page, and waits until that page is there.
    #[track_caller]
    pub fn follow(&self, css: &str) {
        self.run("window.thePageBefore = true");
        self.click(css);
        self.wait_for("window.thePageBefore === undefined && document.readyState === 'complete'");
    }

    pub fn type_into(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.call("POST", &format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// The text that is shown there. A page that renews itself may take the element away between
    /// finding and reading it: then the new one is read.
    pub fn text_of(&self, css: &str) -> String {
        let until = Instant::now() + WAIT;
        loop {
            let element = self.find(css);
            match self.try_call("GET", &format!("/element/{element}/text"), &Value::Null) {
                Ok(text) => return text.as_str().unwrap().to_owned(),
                Err(why) if why.contains("stale element") && Instant::now() < until => {}
                Err(why) => panic!("the text of {css}: {why}"),
            }
        }
    }

    /// Runs a script and returns what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until a condition on the page holds, asking again and again: a page that is left
    /// meanwhile answers with an error, which is no answer.
    #[track_caller]
    pub fn wait_for(&self, condition: &str) {
        let until = Instant::now() + WAIT;
        let script = json!({"script": format!("return !!({condition})"), "args": []});
        while self.try_call("POST", "/execute/sync", &script).ok() != Some(Value::Bool(true)) {
            assert!(
                Instant::now() < until,
                "waited for {condition} on {}: {}",
                self.address(),
                self.run("return document.body.innerText")
            );
        }
    }

    /// Waits for a file to be downloaded whole, asking the browser between two looks.
    pub fn downloaded(&self, ending: &str) -> PathBuf {
        let until = Instant::now() + WAIT;
        while Instant::now() < until {
            let mut found =
                std::fs::read_dir(&self.downloads).unwrap().filter_map(Result::ok).map(|entry| entry.path());
            if let Some(path) = found.find(|path| path.extension().is_some_and(|e| e == ending)) {
                return path;
            }
            self.address();
        }
        panic!("no file ending in {ending} was downloaded");
    }

    /// Keeps a picture of the whole page as `<name>.png` in the folder of `KUKAKU_SCREENSHOTS`.
    pub fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("KUKAKU_SCREENSHOTS") else { return };
        let metrics = self.call("POST", "/goog/cdp/execute", &json!({"cmd": "Page.getLayoutMetrics", "params": {}}));
        let size = &metrics["cssContentSize"];
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"].as_f64().unwrap().min(6000.0), "scale": 1});
        let taken = self.call(
            "POST",
            "/goog/cdp/execute",
            &json!({"cmd": "Page.captureScreenshot", "params": {"format": "png", "captureBeyondViewport": true, "clip": clip}}),
        );
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), decoded(taken["data"].as_str().unwrap()))
            .unwrap();
    }

    /// Shows pages as somebody with a dark screen sees them.
    pub fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let params = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.call("POST", "/goog/cdp/execute", &json!({"cmd": "Emulation.setEmulatedMedia", "params": params}));
    }

    /// What the browser complained of since it was asked last: refused scripts, failed loads.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.call("POST", "/se/log", &json!({"type": "browser"}));
        log.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Base64, as the driver sends pictures.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut out) = (0_u32, 0_u32, vec![]);
    for byte in text.bytes() {
        let Some(value) = LETTERS.iter().position(|letter| *letter == byte) else { continue };
        bits = (bits << 6) | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    out
}
