//! Intake over a line that carries nothing back: a gateway behind a diode tells of a session, and
//! not one packet returns (TG-3.1.2). The diode is a wire between two network namespaces whose
//! queue towards the gateway throws everything away.

use std::process::{Child, Command, Output, Stdio};

use crate::gateways::sessions_of;
use crate::house::{Site, exits, kukaku, on_machine, out};

/// The gateway's machine: a network namespace that lives as long as this.
struct Gateway(Child);

impl Gateway {
    fn new() -> Self {
        use std::io::Read as _;
        // Says so where namespaces can't be made.
        exits(&on_machine("", &["--version"]).output().unwrap(), 0);
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sh", "-c", "echo; exec cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = holder.spawn().unwrap();
        // The line is printed from within: only then is the namespace another.
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }

    /// Lays a wire to the machine that runs this, `.10` of its network there and `.1` here.
    fn wire(&self, name: &str, net: &str) -> String {
        format!(
            "ip link add {name} type veth peer name {name}-far netns {}
ip link set {name} address 02:00:00:00:00:10 up
ip address add {net}.10/24 dev {name}\n",
            self.0.id()
        )
    }

    /// The other end of it. A sender that hears nothing has to be told the hardware's address.
    fn far_end(&self, name: &str, net: &str) {
        self.does(&format!(
            "ip link set {name}-far address 02:00:00:00:00:01 up
ip address add {net}.1/24 dev {name}-far
ip neighbour add {net}.10 lladdr 02:00:00:00:00:10 dev {name}-far nud permanent"
        ));
    }

    fn does(&self, script: &str) -> Output {
        let namespace = format!("--net=/proc/{}/ns/net", self.0.id());
        let done = Command::new("nsenter").args([&namespace, "sh", "-ec", script]).output().unwrap();
        exits(&done, 0);
        done
    }

    /// Says a line in syslog to an address and port.
    fn says(&self, address: &str, port: u16, line: &str) {
        assert!(!line.contains('\''));
        self.does(&format!("logger --rfc5424 -d -n {address} -P {port} -t fgt -- '{line}'"));
    }

    /// Packets that came in over a wire, as the kernel counts them.
    fn heard(&self, name: &str) -> u64 {
        let table = out(&self.does("cat /proc/net/dev"));
        let counts = table.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}-far:"))).unwrap();
        counts.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_gateway_behind_a_diode_tells_of_a_session_and_nothing_comes_back() {
    let site = Site::new();
    site.configure(
        "[[network]]\nname = \"line\"\naddresses = [\"192.0.2.0/24\"]\n[web]\nlisten = \"127.0.0.1:0\"\n\
         [[syslog]]\nlisten = \"udp://192.0.2.10:5514\"\n\
         [[syslog.source]]\nname = \"vpn-1\"\nfrom = [\"192.0.2.1\"]\ndialect = \"fortigate\"\n",
    );
    let gateway = Gateway::new();
    // A second wire that lets everything through shows that an answer would have been counted.
    let setup = format!(
        "ip link set lo up\n{}tc qdisc replace dev diode root blackhole\n{}",
        gateway.wire("diode", "192.0.2"),
        gateway.wire("open", "198.51.100")
    );
    let daemon = site.run_on_machine(&setup);
    gateway.far_end("diode", "192.0.2");
    gateway.far_end("open", "198.51.100");

    let now = kukaku::clock::now().0 / 1_000_000;
    for (at, action) in [(now - 40, "tunnel-up"), (now - 20, "tunnel-down")] {
        let line = format!(
            "date=2026-01-01 time=09:00:00 eventtime={at}000000000 tz=\"+0900\" logid=\"0101039947\" type=\"event\" \
             subtype=\"vpn\" level=\"information\" vd=\"root\" logdesc=\"SSL VPN\" action=\"{action}\" \
             tunneltype=\"ssl-tunnel\" tunnelid=4242 remip=203.0.113.11 tunnelip=10.9.0.7 user=\"tmk-a01\" msg=\"SSL\""
        );
        gateway.says("192.0.2.10", 5514, &line);
    }
    let all = sessions_of(&site, 1);
    assert_eq!((all.len(), all[0].account.as_deref()), (1, Some("tmk-a01")), "{all:#?}");
    assert_eq!(all[0].end, kukaku_core::SessionEnd::Ended(kukaku_schema::UtcMicros((now - 20) * 1_000_000)));

    // A port where nobody listens is answered by the kernel ("unreachable"), where it can be.
    gateway.says("192.0.2.10", 9, "knock");
    gateway.says("198.51.100.10", 9, "knock");
    assert!(gateway.heard("open") > 0, "nothing is counted, so the diode shows nothing");
    assert_eq!(gateway.heard("diode"), 0, "something came back over the diode");
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
}
