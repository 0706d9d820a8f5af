#!/usr/bin/env bash
# Installs what the tests talk to: real brokers, browsers and tools, by apt-get. Installs only
# what is missing, so it needs root or sudo only then. `make demo` needs none of this.
set -euo pipefail

# Package, and the file that shows that it is there, with whatever name it was installed.
peers=(
  "mosquitto /usr/sbin/mosquitto"                       # an existing broker of the site
  "mosquitto-clients /usr/bin/mosquitto_pub"            # devices that publish, as users have them
  "socat /usr/bin/socat"                                # serial lines without cables
  "chromium /usr/bin/chromium"                          # the pages as people see them
  "chromium-driver /usr/bin/chromedriver"               # drives that browser
  "fonts-ipaexfont-gothic /usr/share/doc/fonts-ipaexfont-gothic" # Japanese text in that browser
  "curl /usr/bin/curl"                                  # a program that reads the pages over TLS
  "openssl /usr/bin/openssl"                            # checks our signatures and certificates
  "python3 /usr/bin/python3"                            # the second reader of the journal
  "python3-aiosmtpd /usr/share/doc/python3-aiosmtpd"    # a mail server
  "strace /usr/bin/strace"                              # tells what reaches the disk, and when
  "rsyslog /usr/sbin/rsyslogd"                          # a log server
  "rsyslog-relp /usr/share/doc/rsyslog-relp"            # the same, sending what must not be lost
  "rsyslog-gnutls /usr/share/doc/rsyslog-gnutls"        # the same, over TLS
  "bsdutils /usr/bin/logger"                            # a program that sends to one
  "iproute2 /usr/share/doc/iproute2"                    # machines with networks of their own
  "freeradius-utils /usr/bin/radclient"                 # a gateway that accounts for its sessions
)

missing=()
for peer in "${peers[@]}"; do
  read -r package file <<<"$peer"
  [ -e "$file" ] || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi

echo "The tests need: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "There is no apt-get here. Install these (names as in Debian 12) and run it again." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "As root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

# Brokers and log servers are started by the tests, on ports of their own, not by the package:
# a service on its usual port would be in the way of whatever else runs on this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
