//! The views: table by table, whose its rows are. `:from` stands for the first instant that is seen.

/// Tables that tell of nobody: where the tree stands, what was signed, numbers and words. A word
/// is only ever met through a row that names it.
pub(super) const OPEN: [&str; 7] = ["word", "head", "checkpoint", "witness", "cosignature", "identity", "json_each"];

/// What may be asked of the file itself.
pub(super) const SIZES: [&str; 3] = ["page_count", "page_size", "freelist_count"];

/// Whether a view of this name stands between a query and the tables.
pub(super) fn is_view(name: &str) -> bool {
    OF_ANYBODY.iter().chain(OF_CLIENTS).chain(OF_A_PERSON).any(|(view, _)| *view == name)
}

type View = (&'static str, &'static str);

/// The same for everybody who doesn't see the whole site: rows that hang on others, which are
/// views themselves, and the state of doors and cameras.
pub(super) const OF_ANYBODY: &[View] = &[
    // A change which he doesn't see is noticed all the same: it may say what he sees.
    ("scope_newest", "SELECT coalesce(max(id), 0) AS version FROM main.register_entry"),
    (
        "register_entry",
        "SELECT r.id, r.tbl, r.entry_id, r.from_us, r.until_us, r.recorded_at_us, s.body, r.journal_seq, r.replaced_seq
         FROM main.register_entry r JOIN temp.scope_register s ON s.id = r.id",
    ),
    // Why is told where all of the change is his to see: the words may name anybody.
    (
        "register_change",
        "SELECT c.journal_seq, c.recorded_at_us, c.actor,
                CASE WHEN EXISTS (SELECT 1 FROM main.register_entry h WHERE h.journal_seq = c.journal_seq
                                  AND h.id NOT IN (SELECT id FROM temp.scope_register))
                     THEN '（他契約）' ELSE c.reason END AS reason,
                (SELECT count(*) FROM temp.register_entry a WHERE a.journal_seq = c.journal_seq) AS added,
                (SELECT count(*) FROM temp.register_entry e WHERE e.replaced_seq = c.journal_seq) AS closed
         FROM main.register_change c
         WHERE EXISTS (SELECT 1 FROM temp.register_entry v
                       WHERE v.journal_seq = c.journal_seq OR v.replaced_seq = c.journal_seq)",
    ),
    ("revision", "SELECT r.* FROM main.revision r WHERE EXISTS (SELECT 1 FROM temp.session s WHERE s.id = r.session)"),
    (
        "session_part",
        "SELECT p.* FROM main.session_part p WHERE EXISTS (SELECT 1 FROM temp.session s WHERE s.id = p.session)",
    ),
    (
        "session_notice",
        "SELECT n.* FROM main.session_notice n WHERE EXISTS (SELECT 1 FROM temp.session s WHERE s.id = n.session)",
    ),
    (
        "finding_event",
        "SELECT e.* FROM main.finding_event e WHERE EXISTS (SELECT 1 FROM temp.finding f WHERE f.id = e.finding)",
    ),
    (
        "finding_desk",
        "SELECT d.* FROM main.finding_desk d WHERE EXISTS (SELECT 1 FROM temp.finding f WHERE f.id = d.finding)",
    ),
    // What somebody wrote beside a finding of the whole site may name anybody.
    (
        "finding_act",
        "SELECT a.entry, a.finding, a.revision, a.act, a.at_us, a.by_user,
                CASE WHEN coalesce(f.client, -1) < 0 AND a.act = 'forward' THEN '（他契約）' ELSE a.to_whom END AS to_whom, a.until_us,
                CASE WHEN coalesce(f.client, -1) < 0 AND a.note IS NOT NULL THEN '（他契約）' ELSE a.note END AS note
         FROM main.finding_act a JOIN temp.finding f ON f.id = a.finding",
    ),
    // What a message says names everything that the finding does.
    (
        "outbox",
        "SELECT o.id, o.finding, o.revision, o.channel, '' AS body, o.recorded_at_us, o.state, o.failures, o.next_at_us,
                o.last_error, o.needs_person, o.delivered_at_us
         FROM main.outbox o WHERE EXISTS (SELECT 1 FROM temp.finding f WHERE f.id = o.finding)",
    ),
    ("outage", "SELECT o.* FROM main.outage o WHERE o.end_us > :from"),
    ("source_offset", "SELECT o.* FROM main.source_offset o"),
    ("device_state", "SELECT d.* FROM main.device_state d"),
    ("footage", "SELECT f.* FROM main.footage f WHERE f.end_us > :from"),
    // An order is its client's; a device that another client's line reports by is that client's.
    (
        "source_seen",
        "SELECT s.* FROM main.source_seen s
         WHERE NOT EXISTS (SELECT 1 FROM temp.scope_device d WHERE d.sort = 'source' AND d.id = s.source AND d.own = 0)",
    ),
    (
        "terminal_power",
        "SELECT p.* FROM main.terminal_power p WHERE p.at_us >= :from
           AND NOT EXISTS (SELECT 1 FROM temp.scope_device d WHERE d.sort = 'terminal' AND d.id = p.terminal AND d.own = 0)",
    ),
    // A name that is not his reads as one of another contract.
    (
        "finding_subject",
        "SELECT s.sort, s.value, s.finding, s.place FROM main.finding_subject s
         WHERE EXISTS (SELECT 1 FROM temp.finding f WHERE f.id = s.finding)
           AND (s.sort IN ('zone', 'door', 'reader', 'camera', 'segment', 'cause')
                OR (s.sort IN ('session', 'account', 'order')
                    AND EXISTS (SELECT 1 FROM temp.finding f WHERE f.id = s.finding AND coalesce(f.client, 0) >= 0))
                OR EXISTS (SELECT 1 FROM temp.scope_name n WHERE n.sort = s.sort AND n.value = s.value)
                OR (s.sort IN ('terminal', 'source')
                    AND EXISTS (SELECT 1 FROM main.finding f JOIN temp.scope_client c ON c.id = f.client
                                WHERE f.id = s.finding)))
         UNION ALL
         SELECT s.sort, '（他契約）', s.finding, s.place FROM main.finding_subject s
         WHERE EXISTS (SELECT 1 FROM temp.finding f WHERE f.id = s.finding)
           AND NOT (s.sort IN ('zone', 'door', 'reader', 'camera', 'segment', 'cause')
                OR (s.sort IN ('session', 'account', 'order')
                    AND EXISTS (SELECT 1 FROM temp.finding f WHERE f.id = s.finding AND coalesce(f.client, 0) >= 0))
                OR EXISTS (SELECT 1 FROM temp.scope_name n WHERE n.sort = s.sort AND n.value = s.value)
                OR (s.sort IN ('terminal', 'source')
                    AND EXISTS (SELECT 1 FROM main.finding f JOIN temp.scope_client c ON c.id = f.client
                                WHERE f.id = s.finding)))",
    ),
    // The site's people, and other cities'.
    ("account_event", "SELECT e.* FROM main.account_event e WHERE 0"),
    // Bytes that nobody understood may be anybody's.
    ("unreadable", "SELECT u.* FROM main.unreadable u WHERE 0"),
];

/// Of one client or several.
pub(super) const OF_CLIENTS: &[View] = &[
    (
        "session",
        "SELECT s.* FROM main.session s WHERE s.end_us > :from
           AND (s.client IN (SELECT id FROM temp.scope_client)
                OR (s.client IS NULL AND EXISTS (SELECT 1 FROM temp.scope_device d WHERE d.own = 1
                      AND ((d.sort = 'terminal' AND d.id = s.terminal) OR (d.sort = 'source' AND d.id = s.source)))))",
    ),
    // The zone's book is everybody's; who is in it for another client is not told.
    (
        "reading",
        "SELECT r.entry, r.occurred_at_us, r.device_time_us, r.recorded_at_us, r.source, r.source_number, r.reader,
                r.door, r.direction, r.zone,
                CASE WHEN r.person IS NULL OR EXISTS (SELECT 1 FROM temp.scope_person p WHERE p.id = r.person
                       AND r.occurred_at_us >= p.from_us AND r.occurred_at_us < p.until_us)
                     THEN r.credential ELSE -1 END AS credential,
                CASE WHEN r.person IS NULL OR EXISTS (SELECT 1 FROM temp.scope_person p WHERE p.id = r.person
                       AND r.occurred_at_us >= p.from_us AND r.occurred_at_us < p.until_us)
                     THEN r.person ELSE -1 END AS person,
                r.granted, r.factors
         FROM main.reading r WHERE r.occurred_at_us >= :from",
    ),
    (
        "stay",
        "SELECT s.* FROM main.stay s WHERE s.end_us > :from
           AND EXISTS (SELECT 1 FROM temp.scope_person p WHERE p.id = s.person
                       AND s.start_us < p.until_us AND s.end_us > p.from_us)",
    ),
    // A finding of the site speaks of what is everybody's; one about a session whose client isn't
    // known is his whose terminal or line it is; one of another client that names his (an account at
    // the wrong terminal) is his too, but for whose it is.
    (
        "finding",
        "SELECT f.id,
                CASE WHEN EXISTS (SELECT 1 FROM temp.scope_client c WHERE c.id = f.client)
                     THEN f.key ELSE f.kind || '|' || f.id END AS key,
                f.kind, f.severity, f.at_us, f.start_us, f.end_us,
                CASE WHEN f.client IS NULL OR f.client IN (SELECT id FROM temp.scope_client)
                     THEN f.client ELSE -1 END AS client, f.opened_at_us, f.changed_at_us,
                f.resolved_at_us, f.revision, f.journal_seq, f.body
         FROM main.finding f WHERE (f.end_us > :from OR f.changed_at_us >= :from)
           AND (f.client IN (SELECT id FROM temp.scope_client)
                OR EXISTS (SELECT 1 FROM main.finding_subject s JOIN temp.scope_client c ON c.text = s.value
                           WHERE s.finding = f.id AND s.sort = 'client')
                OR (f.client IS NULL AND NOT EXISTS (SELECT 1 FROM main.finding_subject s
                      LEFT JOIN main.word w ON w.text = s.value
                      LEFT JOIN temp.scope_device d ON d.sort = s.sort AND d.id = w.id AND d.own = 0
                      WHERE s.finding = f.id
                        AND (s.sort IN ('session', 'order', 'account', 'client') OR d.own = 0)))
                OR (f.client IS NULL AND EXISTS (SELECT 1 FROM main.finding_subject s
                      JOIN main.word w ON w.text = s.value
                      JOIN temp.scope_device d ON d.sort = s.sort AND d.id = w.id AND d.own = 1
                      WHERE s.finding = f.id AND s.sort IN ('terminal', 'source'))))",
    ),
    (
        "order_step",
        "SELECT o.* FROM main.order_step o WHERE o.to_us > :from AND o.client IN (SELECT id FROM temp.scope_client)",
    ),
    (
        "failure_report",
        "SELECT r.* FROM main.failure_report r WHERE r.at_us >= :from
           AND r.client IN (SELECT id FROM temp.scope_client)",
    ),
    (
        "oplog",
        "SELECT o.* FROM main.oplog o WHERE o.end_us > :from
           AND EXISTS (SELECT 1 FROM temp.scope_device d WHERE d.sort = 'terminal' AND d.id = o.terminal AND d.own = 1)",
    ),
    (
        "hold",
        "SELECT h.* FROM main.hold h WHERE h.client IN (SELECT text FROM temp.scope_client)",
    ),
    (
        "client_seen",
        "SELECT c.* FROM main.client_seen c
         WHERE c.client IN (SELECT id FROM temp.scope_client) OR c.client = (SELECT id FROM main.word WHERE text = '')",
    ),
    // His own, and the site's where no other client's device told of it.
    (
        "journal",
        "SELECT j.* FROM main.journal j WHERE j.recorded_at_us >= :from
           AND (j.client IN (SELECT id FROM temp.scope_client)
                OR (j.client = (SELECT id FROM main.word WHERE text = '')
                    AND NOT EXISTS (SELECT 1 FROM temp.scope_device d
                                    WHERE d.sort = 'source' AND d.id = j.source AND d.own = 0)))",
    ),
    // What the site's entries say is told where it names nobody, or his own people.
    (
        "payload",
        "SELECT p.* FROM main.payload p WHERE EXISTS (SELECT 1 FROM temp.journal j WHERE j.seq = p.seq
           AND (j.client IN (SELECT id FROM temp.scope_client)
                OR j.kind IN ('door.used', 'door.state', 'reader.status', 'source.alive', 'camera.health',
                              'footage.segment', 'source.caught_up', 'source.clock', 'source.gap', 'watch.started',
                              'watch.gap', 'clock.step', 'system.state', 'clock_state', 'start', 'stop', 'recovered',
                              'drill', 'key_rotated')
                OR (j.kind = 'door.reading' AND EXISTS (SELECT 1 FROM temp.reading r WHERE r.entry = j.seq
                                                        AND (r.person IS NULL OR r.person >= 0)))))",
    ),
    // His own side's; what one who is of other cities too looked at may name them.
    (
        "look",
        "SELECT l.entry, l.at_us, l.user_name, l.role,
                CASE WHEN EXISTS (SELECT 1 FROM temp.scope_client c WHERE c.text = l.clients)
                     THEN l.clients ELSE '（他契約）' END AS clients,
                CASE WHEN EXISTS (SELECT 1 FROM temp.scope_client c WHERE c.text = l.clients)
                     THEN l.path ELSE '（他契約）' END AS path,
                l.address
         FROM main.look l WHERE l.at_us >= :from
           AND EXISTS (SELECT 1 FROM temp.scope_client c
                       WHERE instr(char(10) || l.clients || char(10), char(10) || c.text || char(10)) > 0)",
    ),
    ("erased", "SELECT e.* FROM main.erased e"),
];

/// Of an operator himself.
pub(super) const OF_A_PERSON: &[View] = &[
    (
        "session",
        "SELECT s.* FROM main.session s WHERE s.end_us > :from
           AND EXISTS (SELECT 1 FROM temp.scope_person p WHERE p.id = s.operator)",
    ),
    (
        "reading",
        "SELECT r.* FROM main.reading r WHERE r.occurred_at_us >= :from
           AND EXISTS (SELECT 1 FROM temp.scope_person p WHERE p.id = r.person)",
    ),
    (
        "stay",
        "SELECT s.* FROM main.stay s WHERE s.end_us > :from
           AND EXISTS (SELECT 1 FROM temp.scope_person p WHERE p.id = s.person)",
    ),
    (
        "finding",
        "SELECT f.id, f.kind || '|' || f.id AS key, f.kind, f.severity, f.at_us, f.start_us, f.end_us, f.client,
                f.opened_at_us, f.changed_at_us, f.resolved_at_us, f.revision, f.journal_seq, f.body
         FROM main.finding f WHERE (f.end_us > :from OR f.changed_at_us >= :from)
           AND EXISTS (SELECT 1 FROM main.finding_subject s JOIN temp.scope_name n ON n.sort = 'person'
                       AND n.value = s.value WHERE s.finding = f.id AND s.sort = 'person')",
    ),
    ("order_step", "SELECT o.* FROM main.order_step o WHERE 0"),
    ("failure_report", "SELECT r.* FROM main.failure_report r WHERE 0"),
    ("oplog", "SELECT o.* FROM main.oplog o WHERE 0"),
    ("hold", "SELECT h.* FROM main.hold h WHERE 0"),
    ("look", "SELECT l.* FROM main.look l WHERE 0"),
    ("client_seen", "SELECT c.* FROM main.client_seen c WHERE 0"),
    (
        "journal",
        "SELECT j.* FROM main.journal j WHERE j.recorded_at_us >= :from
           AND EXISTS (SELECT 1 FROM temp.reading r WHERE r.entry = j.seq)",
    ),
    ("payload", "SELECT p.* FROM main.payload p WHERE EXISTS (SELECT 1 FROM temp.journal j WHERE j.seq = p.seq)"),
    ("erased", "SELECT e.* FROM main.erased e"),
];
