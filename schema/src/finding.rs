//! Findings: what the rules say is wrong, with kind and severity.

use crate::lang::Lang;

/// How grave a finding is; a greater one is graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// To be looked at on the day.
    Medium,
    /// To be looked at within the hour.
    High,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 3] = [Self::Medium, Self::High, Self::Critical];

    /// The word on the wire, in files and in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// The word for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Medium => lang.pick("注意", "Medium"),
            Self::High => lang.pick("警告", "High"),
            Self::Critical => lang.pick("重大", "Critical"),
        }
    }
}

macro_rules! finding_kinds {
    ($( $(#[$doc:meta])* $variant:ident $word:literal $severity:ident $ja:literal $en:literal
        do $ja_do:literal $en_do:literal; )*) => {
        /// The kind of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind { $( $(#[$doc])* $variant, )* }

        impl FindingKind {
            /// Every kind, in the order of the glossary.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The word on the wire, in files and in the store.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }

            /// The severity it has where nothing else is agreed.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $( Self::$variant => Severity::$severity, )* }
            }

            /// The name for people.
            #[must_use]
            pub fn label(self, lang: Lang) -> &'static str {
                match self { $( Self::$variant => lang.pick($ja, $en), )* }
            }

            /// What a person should do about it.
            #[must_use]
            pub fn what_to_do(self, lang: Lang) -> &'static str {
                match self { $( Self::$variant => lang.pick($ja_do, $en_do), )* }
            }
        }
    };
}

finding_kinds! {
    /// The disk fills before what was promised could be kept.
    DiskLow "disk_low" High "記憶装置の残量不足" "Disk nearly full"
        do "記憶装置を増やすか、保存期間を市と見直してください。" "Add disk, or settle other retention periods with the city.";
    /// The backup is not as new as promised.
    BackupOverdue "backup_overdue" Medium "バックアップの遅れ" "Backup overdue"
        do "バックアップ先の接続と空き容量を確認してください。" "Check the backup's disk: is it mounted, is there room?";
    /// The witnesses do not reach far enough.
    WitnessBehind "witness_behind" Medium "証人の連署の遅れ" "Witnesses behind"
        do "証人との通信を確認してください。届かない間は紙の封印を市に渡してください。" "Check the line to the witness; meanwhile hand the city the checkpoint on paper.";
    /// Records are kept longer than agreed.
    RetentionOverdue "retention_overdue" High "保存期間の超過" "Records kept too long"
        do "保存期間の画面で、削除が止まっている理由を確認してください。" "See on the retention page what keeps the erasure from being done.";
    /// A session without its operator in the zone.
    Absent "absent" Critical "在室なしセッション" "Session without its operator"
        do "作業者本人の所在を確認し、本人でなければ直ちに回線を切断してください。" "Find out where the operator is; if it is not him, cut the line at once.";
    /// A session that its operator left, or joined late.
    Partial "partial" High "一部不在" "Operator absent for part of the session"
        do "不在の時間帯に誰が操作していたかを確認してください。" "Find out who worked while the operator was away.";
    /// A session whose operator's place is not known.
    Undetermined "undetermined" High "在室の判定不能" "Presence can't be determined"
        do "リーダーの欠測の原因を直し、作業者の所在を監視映像などで確認してください。" "Repair what kept the reader from seeing, and check the operator's place by other means, such as footage.";
    /// A session by an account that nobody registered.
    UnknownAccount "unknown_account" Critical "未登録アカウント" "Unknown account"
        do "回線を切断し、アカウントの持ち主を確認して台帳に登録するか、無効にしてください。" "Cut the line, find the account's owner, then register it or disable it.";
    /// A session by somebody not registered for the client.
    UnregisteredOperator "unregistered_operator" Critical "未登録作業者" "Operator not registered for the client"
        do "回線を切断し、作業者の登録を市と確認してください。" "Cut the line and settle the operator's registration with the city.";
    /// A session from a terminal that nobody registered.
    UnknownTerminal "unknown_terminal" Critical "未登録端末" "Unknown terminal"
        do "回線を切断し、端末の場所と登録を確認してください。" "Cut the line; find the terminal and settle its registration.";
    /// Terminal or source belongs to another client than the account.
    WrongClient "wrong_client" Critical "契約先の取り違え" "Terminal or line of another client"
        do "どの市の端末・回線が使われたかを確認し、両方の市に報告してください。" "Find out whose terminal or line was used and report to both cities.";
    /// The operator was provably somewhere else.
    Elsewhere "elsewhere" Critical "本人は別の場所" "Operator was elsewhere"
        do "本人以外が操作した疑いがあります。直ちに回線を切断し、本人に確認してください。" "Somebody else may have worked. Cut the line at once and ask the operator.";
    /// Nobody at all was in the zone while a session went on.
    Unattended "unattended" High "無人の区画でのセッション" "Session with nobody in the zone"
        do "端末がロックされていたか、映像と操作ログで確認してください。" "Check by footage and operation log whether the terminal was locked.";
    /// A session without an approved work order.
    NoOrder "no_order" High "申請のないセッション" "Session without a work order"
        do "申請の有無を市に確認し、なければ回線を切断してください。" "Ask the city whether there is an order; if not, cut the line.";
    /// A session under an emergency order that the city has yet to allow.
    OrderPending "order_pending" Medium "緊急作業（承認待ち）" "Emergency order awaits approval"
        do "期限までに市の承認を受けてください。" "Have the city approve it before the agreed time is over.";
    /// A session that reaches beyond its order, or has another operator or target.
    OutsideOrder "outside_order" High "申請の範囲外" "Session outside its work order"
        do "申請の期間・作業者・対象を確認し、市に報告してください。" "Compare period, operators and targets with the order and report to the city.";
    /// A session while the client's maintenance is frozen.
    ClientFrozen "client_frozen" Critical "凍結中のセッション" "Session while frozen"
        do "直ちに回線を切断し、市に報告してください。" "Cut the line at once and report to the city.";
    /// A session from a zone from which the client's systems may not be maintained.
    ZoneNotPermitted "zone_not_permitted" Critical "許可されていない区画" "Zone not permitted for the client"
        do "回線を切断し、使用した区画を市に報告してください。" "Cut the line and report the zone to the city.";
    /// More sessions at once than the client has facing terminals.
    OverConcurrency "over_concurrency" High "同時接続数の超過" "Too many sessions at once"
        do "同時に接続している作業者を確認し、超過分を切断してください。" "Find out who is connected and cut what is too much.";
    /// A sign-in with fewer factors than the client demands.
    SingleFactor "single_factor" Medium "認証要素の不足した接続" "Sign-in with too few factors"
        do "接続の認証設定を確認してください。" "Check how the gateway authenticates.";
    /// A session outside the hours agreed with the client.
    OutsideHours "outside_hours" Medium "時間外のセッション" "Session outside hours"
        do "時間外作業の合意があったかを確認してください。" "Check whether work at that time was agreed.";
    /// A session longer than agreed.
    Overlong "overlong" Medium "長時間のセッション" "Overlong session"
        do "切断忘れでないかを作業者に確認してください。" "Ask the operator whether he forgot to disconnect.";
    /// An open session in which nothing was done for longer than agreed.
    Idle "idle" Medium "無操作のまま開かれたセッション" "Session left open unused"
        do "離席・切断忘れでないかを作業者に確認し、不要な接続は切断してください。" "Ask the operator whether he left it open, and cut what is not needed.";
    /// An order whose report did not come in time.
    ReportMissing "report_missing" Medium "作業報告の未提出" "Work report missing"
        do "作業報告を提出してください。作業がなかった申請は取り下げてください。" "Hand in the report; take back an order under which nothing was done.";
    /// The city's record of its line knows of a connection that we don't.
    UnseenSession "unseen_session" Critical "市の回線記録にだけある接続" "Connection known to the city alone"
        do "接続元の記録が欠けていないかを確かめ、だれの接続かを市と突き合わせてください。" "Check whether the gateway's log has a gap, and settle with the city who was connected.";
    /// The city's record of its line, complete for that time, doesn't know of the session.
    UnlistedSession "unlisted_session" High "市の回線記録にない接続" "Session not in the city's record"
        do "市に回線の解錠を依頼したかを確認し、別の経路で接続していないかを調べてください。" "Check whether the city was asked to unlock its line, and whether another way in was used.";
    /// A session by somebody who gave no pledge.
    PledgeMissing "pledge_missing" Medium "誓約書の未提出" "Pledge missing"
        do "誓約書を受け取り、台帳に登録してください。" "Have the operator give the pledge, and register it.";
    /// A session by somebody whose training is over or was never; or its term has passed.
    TrainingExpired "training_expired" Medium "教育の未受講・期限切れ" "Training missing or expired"
        do "教育を受けさせ、受講日と有効期限を台帳に登録してください。" "Have the operator trained, and register the day and the term.";
    /// A permit or certificate that a session rests on is not in force; or its term has passed.
    CertificateExpired "certificate_expired" Medium "許可・資格の期限切れ" "Permit or certificate not in force"
        do "許可・承諾・資格を更新し、台帳に登録してください。" "Have the permit, consent or certificate renewed, and register it.";
    /// The terminal was seen at an address that is not registered for it.
    WrongTerminalAddress "wrong_terminal_address" High "端末のアドレス相違" "Terminal at another address"
        do "別の機器が端末を名乗っていないか、配線と台帳を確認してください。" "Check wiring and register: another machine may pose as the terminal.";
    /// One account at two terminals at once.
    SharedAccount "shared_account" High "アカウントの同時使用" "One account at two terminals"
        do "アカウントが共用されていないか、本人に確認し、パスワードを変更してください。" "Ask the owner whether the account is shared, and change its password.";
    /// A session whose end was never reported.
    SessionUnclosed "session_unclosed" Medium "終了記録のないセッション" "Session without an end"
        do "接続が残っていないか確認し、接続元の記録で終了時刻を確かめてください。" "Check that the connection is gone and find its end in the gateway's log.";
    /// A register entry was written after the fact and changed a verdict.
    Backdated "backdated" High "さかのぼった台帳変更" "Register changed after the fact"
        do "変更の理由を記録し、市の承認を受けてください。" "Record the reason and have the city accept it.";
    /// Entered where already inside, or left where not inside.
    AntiPassback "anti_passback" Medium "入退室の矛盾" "Entry or exit contradicts the place before"
        do "共連れや退室時の読み取り忘れがなかったか、本人に確認してください。" "Ask whether he followed somebody through or forgot to present the card.";
    /// Passed a door that did not see him.
    UnseenPassage "unseen_passage" Medium "記録のない通過" "A passage that no reader saw"
        do "どの扉を通ったか本人に確認し、共連れを注意してください。" "Ask which door he used; warn against following others through.";
    /// Entered with fewer factors than the zone demands.
    WeakEntry "weak_entry" Medium "認証要素の不足" "Entry with too few factors"
        do "リーダーの設定と本人の手順を確認してください。" "Check the reader's setting and the person's habit.";
    /// A door could not be seen for a while.
    DoorOutage "door_outage" High "扉の欠測" "Door not watched"
        do "リーダーと配線、電源、通信を確認し、復旧後に記録を取り寄せてください。" "Check reader, cabling, power and link; afterwards fetch what the device kept.";
    /// A door was opened by force.
    Forced "forced" Critical "扉のこじ開け" "Door forced"
        do "直ちに現地と監視映像を確認してください。" "Look at the place and the footage at once.";
    /// A door stood open too long.
    HeldOpen "held_open" High "扉の開放" "Door held open"
        do "扉を閉め、開いていた間に誰が出入りしたかを確認してください。" "Close the door and find out who passed meanwhile.";
    /// Many refusals in a short time.
    DeniedBurst "denied_burst" Medium "拒否の連続" "Repeated refusals"
        do "誰が何を試みたかを映像で確認してください。" "See by footage who tried what.";
    /// A credential was presented after its end.
    EndedCredentialUsed "ended_credential_used" Critical "失効した証の使用" "Ended credential used"
        do "カードを回収し、持っていた人を確認してください。" "Take the card back and find out who held it.";
    /// An entry outside the zone's hours.
    EntryOutsideHours "entry_outside_hours" Medium "時間外の入室" "Entry outside hours"
        do "作業の予定があったかを確認してください。" "Check whether work was planned.";
    /// Somebody in a zone whom no work order and no standing permission allows there.
    UnauthorisedPresence "unauthorised_presence" High "許可のない在室" "Presence without permission"
        do "在室の理由を本人に確認し、必要な作業申請または常時許可を台帳に残してください。" "Ask what he did there; what is regular belongs into a work order or a standing permission.";
    /// Fewer people in a zone than it demands.
    TwoPersonRule "two_person_rule" High "人数不足の在室" "Too few people in the zone"
        do "同室すべき人の所在を確認し、一人の間の作業を映像で確認してください。" "Find out where the others were, and see by footage what was done meanwhile.";
    /// A camera is not reachable or not recording.
    CameraDown "camera_down" High "カメラ停止" "Camera down"
        do "カメラの電源、配線、録画装置を確認してください。" "Check the camera's power and cabling, and the recorder.";
    /// A session without a healthy camera on the zone.
    UncoveredSession "uncovered_session" High "撮影されていないセッション" "Session without a working camera"
        do "カメラを復旧し、撮影されていない時間帯の作業内容を操作ログで確認してください。" "Restore the camera; check the work of that time in the operation log.";
    /// Footage has a hole.
    FootageGap "footage_gap" High "映像の欠落" "Gap in the footage"
        do "録画装置を確認し、欠落の原因を記録してください。" "Check the recorder and write down why.";
    /// Footage is gone before its term.
    FootageLost "footage_lost" Critical "保存期間前の映像・操作ログの消失" "Footage or operation log gone before its term"
        do "消えたファイルの控えがないか確認し、市に報告してください。" "Look for a copy and report to the city.";
    /// A file that was recorded with its hash has another one.
    FootageChanged "footage_changed" Critical "映像・操作ログの変更" "Footage or operation log changed"
        do "だれが変更したかを調べ、控えと照合し、市に報告してください。" "Find out who changed it, compare it with a copy, report to the city.";
    /// A source says nothing.
    SourceSilent "source_silent" High "機器からの応答なし" "Source silent"
        do "機器の電源と通信を確認してください。" "Check the device's power and its link.";
    /// Records of a source are gone for good.
    RecordsLost "records_lost" High "記録の取りこぼし" "Records of a source lost"
        do "機器側のログをその時間帯について確認し、受信を RELP か TLS に変えるか、net.core.rmem_max を上げてください。" "Look into the device's own log of that time; then let it send by RELP or TLS, or raise net.core.rmem_max.";
    /// Number and time, or number and content, disagree.
    SequenceConflict "sequence_conflict" High "記録番号の矛盾" "Numbers contradict"
        do "改ざんまたは機器の不具合の疑いがあります。機器側の記録と突き合わせてください。" "Tampering or a defect: compare with the device's own records.";
    /// A source's clock is off.
    ClockSkew "clock_skew" Medium "機器の時計ずれ" "Clock of a source is off"
        do "機器の時計を合わせ、ずれの大きさを記録してください。" "Set the device's clock and record how far it was off.";
    /// kukaku's own clock was set.
    ClockStep "clock_step" Medium "時計の変更" "Own clock was set"
        do "誰がなぜ時計を変えたかを確認し、時刻同期を確かめてください。" "Find out who set the clock and why; check its synchronisation.";
}

impl FindingKind {
    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}
