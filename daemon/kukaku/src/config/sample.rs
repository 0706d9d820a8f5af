//! The configuration that `kukaku init` writes: every table, commented, with safe defaults.

use kukaku_schema::Lang;

/// The text in a language.
#[must_use]
pub fn sample(lang: Lang) -> String {
    lang.pick(JA, EN).replace("{lang}", lang.tag())
}

const JA: &str = r##"# kukaku の設定：この機械の待ち受け、証明書、回線、通知先。
# 区画・扉・作業者などは台帳にあります（kukaku registers）。
# パスはこのファイルのあるフォルダからのものです。変更後は kukaku check で点検し、再起動してください。

lang = "{lang}"                     # 画面に選択がないときの言語："ja" か "en"
log = "info"                     # 記録の細かさ
free_disk_mib = 1024             # 空き容量がこれを下回ると警告（MiB）

# [[network]]                    # この機械がつながるネットワーク。書くと、待ち受けがちょうど一つに属さないとき起動しません
# name = "office"
# label = "事務所LAN"
# addresses = ["192.0.2.0/24"]

[web]
listen = "127.0.0.1:8420"        # この機械の中だけ。他の機械に見せるには下の [web.tls] が必要
# public_url = "https://kukaku.example.jp:8420"   # 通知に書く画面の住所

# [web.tls]                      # kukaku init が作った証明書（tls/）か、貴社の認証局のもの
# certificate = "tls/server.pem"
# key = "tls/server.key"

# [web.only_from]                # 役割ごとに、画面へ接続してよいアドレス（書かない役割は制限なし）
# administrator = ["192.0.2.0/28"]

# [[web.log]]                    # ログを HTTP で送ってくる記録元（/api/v1/logs）。鍵は kukaku sources key add で作る
# source = "rds-1"
# dialect = "windows"            # kukaku mapping list の名前か、自分で書いた .toml
# windows = { role = "server", accounts = "user" }   # server、gateway、terminal

# [passwords]                    # 画面の利用者のパスワード
# profile = "city"               # 15文字以上・4種の文字・履歴5回・有効期間365日。"nist" は市と書面で合意したときだけ
# valid_for = "365d"
# second_factor = ["administrator", "manager", "security"]   # 二つ目の認証（アプリ・トークン・印刷した符号）が必須の役割

[mqtt]                           # 機器からの受信。利用者は kukaku sources password で作る
listen = "127.0.0.1:1883"

# [mqtt.tls]
# listen = "192.0.2.10:8883"
# certificate = "tls/server.pem"
# key = "tls/server.key"
# client_ca = "tls/devices-ca.pem"   # 機器の証明書を発行した認証局
# [[mqtt.certificate]]               # 証明書で接続する機器
# name = "panel-1.example.jp"
# sources = ["panel-1"]

# [[broker]]                     # 既存の MQTT ブローカー
# address = "broker.example.jp:8883"
# client_id = "kukaku-sapporo-1"
# user = "kukaku"
# password_file = "keys/broker.password"
# [broker.tls]
# ca = "tls/broker-ca.pem"

# [[serial]]                     # シリアル回線の機器
# port = "/dev/serial/by-id/usb-reader"
# baud = 9600
# [serial.line]
# source = "panel-2"
# [[serial.line.messages]]
# pattern = '^(?<reader>\S+) (?<card>[0-9A-F]+) (?<result>OK|NG)$'
# [serial.line.messages.fields]
# reader = { group = "reader" }
# credential = { template = "card:{card}" }
# result = { group = "result", map = { OK = "granted", NG = "denied" } }

# [[syslog]]                     # VPN 装置などのログの受信（udp:// tcp:// tls:// relp://）
# listen = "relp://192.0.2.10:2514"
# [[syslog.source]]
# name = "vpn-1"                 # 台帳の記録元。udp の場合は class = "C" で登録する
# from = ["192.0.2.1"]           # 送り元のアドレス
# dialect = "yamaha-rtx"         # kukaku mapping list の名前か、自分で書いた .toml

# [radius]                       # RADIUS アカウンティングの受信
# listen = "192.0.2.10:1813"
# [[radius.clients]]
# source = "vpn-2"
# address = "192.0.2.2"
# secret_file = "keys/radius.secret"   # 0600、共有シークレットだけを書く

# [[guacamole]]                  # Apache Guacamole の接続履歴（REST API で定期的に取り寄せる）
# source = "guac-1"
# url = "https://guac.example.jp/guacamole"
# user = "kukaku"                # 履歴を見る権限（監査）だけを持つ利用者
# password_file = "keys/guacamole.password"   # 0600、パスワードだけを書く

# [[footage]]                    # 録画装置のフォルダ
# source = "nvr-1"
# root = "/srv/nvr/recordings"
# pattern = "%Y-%m-%d/%H/{camera}/%M.%S.mp4"

# [[oplogs]]                     # 端末の操作ログのフォルダ
# source = "oplog-1"
# root = "/srv/oplog"
# pattern = "{terminal}/%Y-%m-%d.log"
# zone = "Asia/Tokyo"            # ファイル名の時刻の地域

# [[witness]]                    # 証人（市などが kukaku-verify witness で動かす）。封印のたびに連署を求める
# name = "札幌市"
# url = "http://192.0.2.30:8430"
# key = "witness.example/city+27a9c216+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"   # kukaku-verify witness-init が表示した公開鍵

# [alerts]
# notices = "duty-mail"          # 市への開始・終了通知を送る mail（宛先は台帳の notify）
# [[alerts.mail]]                # 通知先
# id = "duty-mail"
# server = "mail.example.jp"
# from = "kukaku <kukaku@example.jp>"
# to = ["duty@example.jp"]
# [[alerts.tower]]
# id = "tower"
# address = "192.0.2.20:10000"
# [[alerts.rule]]                # どの通知をどこへ
# to = ["duty-mail", "tower"]
# min_severity = "high"

# [backup]                       # 別のディスクへの控え（鍵は含みません：keys/ は別に保管）
# folder = "/mnt/backup/kukaku"  # 先に作っておくこと
# every = "60s"
# keep = 7                       # 残す世代の数
# whole_every = "1d"
# drill_every = "7d"             # 復元訓練の間隔
"##;

const EN: &str = r##"# Configuration of kukaku: listeners, certificates, lines and alert channels of this machine.
# Zones, doors, operators and so on stand in the registers (kukaku registers).
# Paths start at the folder of this file. After a change, run `kukaku check` and restart.

lang = "{lang}"                     # language where nobody chose one: "ja" or "en"
log = "info"                     # how much is logged
free_disk_mib = 1024             # speak up when less space is free (MiB)

# [[network]]                    # networks of this machine; once named, each listener must stand in exactly one
# name = "office"
# label = "office LAN"
# addresses = ["192.0.2.0/24"]

[web]
listen = "127.0.0.1:8420"        # this machine alone; for others, [web.tls] below is needed
# public_url = "https://kukaku.example.jp:8420"   # address of the pages, for links in alerts

# [web.tls]                      # the certificate that `kukaku init` made (tls/), or your own CA's
# certificate = "tls/server.pem"
# key = "tls/server.key"

# [web.only_from]                # from where users of a role may come; roles not named here from anywhere
# administrator = ["192.0.2.0/28"]

# [[web.log]]                    # a source that posts its log (/api/v1/logs); `kukaku sources key add` makes its key
# source = "rds-1"
# dialect = "windows"            # a name of `kukaku mapping list`, or a .toml of your own
# windows = { role = "server", accounts = "user" }   # server, gateway, terminal

# [passwords]                    # of the pages' users
# profile = "city"               # 15 characters, four classes, none of the last five, 365 days; "nist" only as agreed in writing
# valid_for = "365d"
# second_factor = ["administrator", "manager", "security"]   # roles that need a second factor: an app, a token, a printed list

[mqtt]                           # devices deliver here; `kukaku sources password` makes users
listen = "127.0.0.1:1883"

# [mqtt.tls]
# listen = "192.0.2.10:8883"
# certificate = "tls/server.pem"
# key = "tls/server.key"
# client_ca = "tls/devices-ca.pem"   # the CA of the devices' certificates
# [[mqtt.certificate]]               # a device that connects with a certificate
# name = "panel-1.example.jp"
# sources = ["panel-1"]

# [[broker]]                     # an existing MQTT broker
# address = "broker.example.jp:8883"
# client_id = "kukaku-sapporo-1"
# user = "kukaku"
# password_file = "keys/broker.password"
# [broker.tls]
# ca = "tls/broker-ca.pem"

# [[serial]]                     # a device on a serial line
# port = "/dev/serial/by-id/usb-reader"
# baud = 9600
# [serial.line]
# source = "panel-2"
# [[serial.line.messages]]
# pattern = '^(?<reader>\S+) (?<card>[0-9A-F]+) (?<result>OK|NG)$'
# [serial.line.messages.fields]
# reader = { group = "reader" }
# credential = { template = "card:{card}" }
# result = { group = "result", map = { OK = "granted", NG = "denied" } }

# [[syslog]]                     # logs of gateways arrive here (udp:// tcp:// tls:// relp://)
# listen = "relp://192.0.2.10:2514"
# [[syslog.source]]
# name = "vpn-1"                 # the source as registered; class = "C" for udp
# from = ["192.0.2.1"]           # addresses that it sends from
# dialect = "yamaha-rtx"         # a name of `kukaku mapping list`, or a .toml of your own

# [radius]                       # RADIUS accounting
# listen = "192.0.2.10:1813"
# [[radius.clients]]
# source = "vpn-2"
# address = "192.0.2.2"
# secret_file = "keys/radius.secret"   # 0600, with the shared secret alone

# [[guacamole]]                  # the history of an Apache Guacamole, asked for through its REST API
# source = "guac-1"
# url = "https://guac.example.jp/guacamole"
# user = "kukaku"                # a user who may see the history (audit), and no more
# password_file = "keys/guacamole.password"   # 0600, with the password alone

# [[footage]]                    # a recorder's folder
# source = "nvr-1"
# root = "/srv/nvr/recordings"
# pattern = "%Y-%m-%d/%H/{camera}/%M.%S.mp4"

# [[oplogs]]                     # a folder of the terminals' operation logs
# source = "oplog-1"
# root = "/srv/oplog"
# pattern = "{terminal}/%Y-%m-%d.log"
# zone = "Asia/Tokyo"            # of the times in file names

# [[witness]]                    # whoever runs `kukaku-verify witness`: asked to cosign each checkpoint
# name = "City of Sapporo"
# url = "http://192.0.2.30:8430"
# key = "witness.example/city+27a9c216+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"   # public key that `kukaku-verify witness-init` printed

# [alerts]
# notices = "duty-mail"          # the mail channel for notices to clients (addresses: `notify` in the registers)
# [[alerts.mail]]                # where alerts go
# id = "duty-mail"
# server = "mail.example.jp"
# from = "kukaku <kukaku@example.jp>"
# to = ["duty@example.jp"]
# [[alerts.tower]]
# id = "tower"
# address = "192.0.2.20:10000"
# [[alerts.rule]]                # which alert goes where
# to = ["duty-mail", "tower"]
# min_severity = "high"

# [backup]                       # copies on another disk (without keys: keep keys/ elsewhere)
# folder = "/mnt/backup/kukaku"  # make it first
# every = "60s"
# keep = 7                       # generations that are kept
# whole_every = "1d"
# drill_every = "7d"             # how often a restore is tried
"##;
