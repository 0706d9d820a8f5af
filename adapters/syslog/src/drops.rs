//! What the kernel dropped before we could read it.
//!
//! Linux counts it for each UDP socket and shows it in `/proc/net/udp` (and `udp6`), last column;
//! the socket is found there by its inode. Other systems don't tell, and neither does this.

use std::io;
use std::os::fd::AsFd;

use kukaku_schema::{Span, UtcMicros};

/// The drops of one socket since they were last looked at.
#[derive(Debug)]
pub(crate) struct Drops {
    inode: u64,
    /// The kernel's count, which wraps.
    seen: u32,
    looked_at: UtcMicros,
}

impl Drops {
    /// Begins with what the socket dropped up to now.
    pub(crate) fn of(socket: impl AsFd, now: UtcMicros) -> io::Result<Self> {
        let inode = rustix::fs::fstat(socket)?.st_ino;
        Ok(Self { inode, seen: dropped(inode)?, looked_at: now })
    }

    /// How many were dropped since the last look, and between when and when.
    pub(crate) fn look(&mut self, now: UtcMicros) -> io::Result<Option<(u64, Span)>> {
        let dropped = dropped(self.inode)?;
        let count = dropped.wrapping_sub(self.seen);
        let span = Span::new(self.looked_at, now);
        (self.seen, self.looked_at) = (dropped, now);
        Ok((count > 0).then_some((u64::from(count), span)))
    }
}

#[cfg(target_os = "linux")]
fn dropped(inode: u64) -> io::Result<u32> {
    for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
        // A kernel without IPv6 has no second table.
        if let Ok(text) = std::fs::read_to_string(table)
            && let Some(dropped) = in_table(&text, inode)
        {
            return Ok(dropped);
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "the socket isn't in /proc/self/net/udp or udp6"))
}

#[cfg(not(target_os = "linux"))]
fn dropped(_inode: u64) -> io::Result<u32> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system doesn't tell what it drops"))
}

/// The drops of the socket with this inode.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn in_table(table: &str, inode: u64) -> Option<u32> {
    // sl local remote st queues timer retransmits uid timeout inode ref pointer drops
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let wanted = inode.to_string();
    rows.filter(|row| row.get(9) == Some(&wanted.as_str())).find_map(|row| row.get(12)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            \n\
        1216: 00000000:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81234 2 0000000000000000 17          \n\
        1217: 0100007F:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 812345 2 0000000000000000 4294967295\n";

    #[test]
    fn a_socket_is_found_by_its_inode_alone() {
        assert_eq!(in_table(TABLE, 81_234), Some(17));
        assert_eq!(in_table(TABLE, 812_345), Some(u32::MAX));
        assert_eq!(in_table(TABLE, 8123), None);
        assert_eq!(in_table("", 1), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_socket_is_in_the_table_of_its_family() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // A machine may have no IPv6.
            let Ok(socket) = std::net::UdpSocket::bind(address) else { continue };
            let mut drops = Drops::of(&socket, UtcMicros(1)).unwrap();
            assert_eq!(drops.look(UtcMicros(2)).unwrap(), None);
        }
    }
}
