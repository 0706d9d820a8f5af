-- The store of one site. This file is the truth: a fresh store is made by it, and the tests
-- hold an upgraded store against it.
--
-- How to read it
-- * Instants end in `_us`: microseconds since 1970-01-01T00:00:00Z, UTC. Spans are half open,
--   [start, end); 2305843009213693951 as end means "still going on".
-- * `device_time_us` is what a source claims, `occurred_at_us` that time corrected by the known
--   offset of the source's clock, `recorded_at_us` our own clock when the entry was kept.
-- * A column that says "word" holds the number of a text in table `word`.
-- * `journal` and `payload` are the evidence. Every other table is derived from them (a
--   projection), or belongs to the pages and the outbox; a projection can be made again.
-- * Everything that an observation changes is written in one transaction with its journal entry.

-- Texts by number, so that the wide tables stay narrow. Equal to the engine's list of names:
-- numbers are given in the order of meeting and never change.
CREATE TABLE word (
  id   INTEGER PRIMARY KEY CHECK (id >= 0), -- the word's number, from 0
  text TEXT NOT NULL UNIQUE                 -- the text; the empty text is kukaku itself or the site
) STRICT;

-- Where the store stands: one row, rewritten with every commit.
CREATE TABLE head (
  one            INTEGER PRIMARY KEY CHECK (one = 1), -- there is one row
  journal_size   INTEGER NOT NULL CHECK (journal_size >= 0), -- entries in the journal: the size of the tree
  recorded_at_us INTEGER NOT NULL, -- our clock at the last commit; never goes backwards
  advanced_to_us INTEGER NOT NULL, -- the engine's `now` at the last commit: the projections are true at this instant
  watched_to_us  INTEGER,          -- the last instant that was certainly watched; null: watching never began. The next start records the gap since
  longest_stay_us INTEGER NOT NULL CHECK (longest_stay_us >= 0), -- no closed stay is longer, in microseconds
  stopped        INTEGER NOT NULL CHECK (stopped IN (0, 1)), -- 1: watching ended in order; 0: it goes on, or was cut off
  final_before_us INTEGER         -- verdicts, findings and stays of before it are final, because inputs of theirs were erased; null: none were
) STRICT;

-- The journal: one entry for everything that was recorded, as it stands in the Merkle tree.
-- Append-only, by trigger. Values are not in it: only the commitment to them is.
CREATE TABLE journal (
  seq            INTEGER PRIMARY KEY CHECK (seq >= 0), -- number of the entry, from 0: the index of its leaf in the tree
  kind           TEXT    NOT NULL CHECK (length(kind) > 0), -- an observation's kind, or one of those under "Journal bodies" in schema/README.md
  source         INTEGER NOT NULL, -- word: who said it; the empty text: kukaku itself
  client         INTEGER NOT NULL, -- word: the client it concerns; the empty text: the site
  client_seq     INTEGER NOT NULL CHECK (client_seq >= 0), -- number among the entries of this client, from 0: so a city sees that none of its own is missing
  source_seq     INTEGER NOT NULL CHECK (source_seq >= 0), -- number among the entries of this source, from 0
  recorded_at_us INTEGER NOT NULL, -- our clock
  device_time_us INTEGER,          -- the source's clock; null where it said no time
  clock          INTEGER NOT NULL CHECK (clock BETWEEN 0 AND 2), -- state of our clock: 0 unknown, 1 synchronised, 2 unsynchronised
  commitment     BLOB    NOT NULL CHECK (length(commitment) = 32), -- salted SHA-256 over the value in `payload`
  leaf_hash      BLOB    NOT NULL CHECK (length(leaf_hash) = 32)   -- RFC 6962 hash of the entry's canonical bytes: level 0 of the tree
) STRICT;

CREATE TRIGGER journal_is_append_only_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_append_only_delete BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- What was said, beside the tree and sealed: at the end of its term a value and its key are
-- erased, while the tree stays whole. In it: the salt of the commitment (32 random bytes), then
-- canonical JSON, an observation as in schema/wire or what schema/README.md, "Journal bodies", says.
CREATE TABLE payload (
  seq    INTEGER PRIMARY KEY, -- the journal entry
  key    INTEGER NOT NULL,    -- number of its data key in the key store, which lies outside this database
  sealed BLOB NOT NULL CHECK (length(sealed) >= 48) -- AES-256-GCM, as store/src/values.rs documents it
) STRICT;

-- A row stands here only within the transaction that erases values.
CREATE TABLE erasing (
  one INTEGER PRIMARY KEY CHECK (one = 1) -- there is one row, or none
) STRICT;

CREATE TRIGGER payload_is_append_only_update BEFORE UPDATE ON payload WHEN NOT EXISTS (SELECT 1 FROM erasing)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER payload_is_append_only_delete BEFORE DELETE ON payload WHEN NOT EXISTS (SELECT 1 FROM erasing)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- Which entries have lost their value at the end of its term, and which entry says so.
CREATE TABLE erased (
  first INTEGER PRIMARY KEY, -- the first entry of the range
  last  INTEGER NOT NULL,    -- its last one
  entry INTEGER NOT NULL     -- the journal entry of kind `erased` that names them
) STRICT;

-- Data keys that are to be destroyed: their values are erased. Empty but for the moment between
-- the commit and the destruction, after which the log is cut back.
CREATE TABLE doomed_key (
  key INTEGER PRIMARY KEY -- number of the data key
) STRICT;

-- Inner nodes of the tree as C2SP tlog-tiles: only levels 8, 16, 24, ... are kept, because level 0
-- stands in `journal.leaf_hash` and the levels between are computed.
CREATE TABLE tile (
  level  INTEGER NOT NULL CHECK (level >= 1), -- level of the tile: its hashes are the tree's nodes at level 8 * level
  idx    INTEGER NOT NULL CHECK (idx >= 0),   -- number within the level, from 0
  hashes BLOB    NOT NULL CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192), -- up to 256 hashes, in order
  PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- Signed heads of the tree. The newest is also kept in a file outside the database, so that a
-- database put back from a backup is noticed.
CREATE TABLE checkpoint (
  size         INTEGER PRIMARY KEY CHECK (size > 0), -- entries that it covers
  root         BLOB    NOT NULL CHECK (length(root) = 32), -- root of the tree over them
  note         TEXT    NOT NULL, -- C2SP signed note
  signed_at_us INTEGER NOT NULL  -- our clock
) STRICT;

-- Witnesses: whoever keeps the checkpoints where the vendor can't reach them. A row for each that
-- is or was configured.
CREATE TABLE witness (
  id               INTEGER PRIMARY KEY,
  key              TEXT    NOT NULL UNIQUE, -- its public key: C2SP vkey of a cosigner
  name             TEXT    NOT NULL, -- as people call it
  asked            INTEGER NOT NULL CHECK (asked IN (0, 1)), -- 1: configured when the daemon started last
  trouble          TEXT, -- why it didn't cosign when it was asked last; NULL: it did, or was not asked yet
  trouble_since_us INTEGER CHECK ((trouble IS NULL) = (trouble_since_us IS NULL)), -- our clock at the first such failure in a row
  contradicts      INTEGER NOT NULL DEFAULT 0 CHECK (contradicts IN (0, 1)) -- 1: it knows another history: the journal was rebuilt, cut or put back
) STRICT;

-- What witnesses signed under checkpoints; verified before it is kept.
CREATE TABLE cosignature (
  witness         INTEGER NOT NULL REFERENCES witness (id), -- whose
  size            INTEGER NOT NULL REFERENCES checkpoint (size), -- under the checkpoint of so many entries
  line            TEXT    NOT NULL, -- the line of the signed note, with its newline
  cosigned_at_us  INTEGER NOT NULL, -- the witness's clock, whole seconds
  kept_at_us      INTEGER NOT NULL, -- our clock
  PRIMARY KEY (witness, size)
) STRICT, WITHOUT ROWID;

-- What makes an observation the same as an earlier one. The same key with another content is an
-- observation of its own: tampering or a defect, to be shown and not to be dropped.
CREATE TABLE identity (
  key     BLOB    NOT NULL, -- 'n' + source + epoch + number; 'e' + source + epoch + event id; 'c'; 'u' + source (unreadable): see store/src/identity.rs
  content BLOB    NOT NULL CHECK (length(content) = 32), -- SHA-256 of the canonical observation, or of the unreadable bytes
  entry   INTEGER NOT NULL, -- the journal entry that keeps it
  PRIMARY KEY (key, content)
) STRICT, WITHOUT ROWID;

-- Observations as the engine keeps them: small, words for texts. Only there to start fast. One row a
-- commit holds all of its facts.
CREATE TABLE fact (
  first INTEGER PRIMARY KEY, -- the journal entry of its first fact
  body  BLOB NOT NULL        -- the facts in the order of the journal; bytes as store/src/bytes.rs documents them
) STRICT;

-- Registers (台帳): one row for each version of an entry. A row is never changed but for
-- `replaced_seq`, so the registers as they stood at any journal entry can be put together.
CREATE TABLE register_entry (
  id             INTEGER PRIMARY KEY,
  tbl            TEXT NOT NULL,    -- the table as in TOML: site, policy, client, zone, door, ...
  entry_id       TEXT NOT NULL,    -- the entry's id; empty for site and policy
  from_us        INTEGER NOT NULL, -- it holds from here; -2305843009213693952: always did
  until_us       INTEGER NOT NULL, -- the first instant at which it no longer holds
  recorded_at_us INTEGER,          -- when it was recorded; null: opening registers of the site
  body           TEXT NOT NULL,    -- the row as JSON, keys as in TOML
  journal_seq    INTEGER NOT NULL, -- the register change that brought this version
  replaced_seq   INTEGER           -- the register change that replaced it; null: in force
) STRICT;
CREATE INDEX register_in_force ON register_entry (tbl, entry_id) WHERE replaced_seq IS NULL;

-- Register changes: who, when, why. Before and after stand in the journal.
CREATE TABLE register_change (
  journal_seq    INTEGER PRIMARY KEY, -- the journal entry
  recorded_at_us INTEGER NOT NULL, -- our clock
  actor          TEXT NOT NULL,    -- who changed it
  reason         TEXT NOT NULL,    -- why, in his own words
  added          INTEGER NOT NULL, -- entries that are new
  closed         INTEGER NOT NULL  -- entries that ended or were replaced
) STRICT;

-- Holds (保全): what must not be erased whatever was agreed. A row is never changed but for its
-- release. What a hold does not name it does not restrict; all that it names must be met.
CREATE TABLE hold (
  number         INTEGER PRIMARY KEY CHECK (number >= 1), -- from 1; its id is hold-NUMBER
  client         TEXT,             -- records of this client; null: of all
  from_us        INTEGER NOT NULL, -- records of the time from here on; -2305843009213693952: from ever
  until_us       INTEGER NOT NULL, -- the first instant after that time
  person         TEXT,             -- records that name this person, by its id; null: of all
  camera         TEXT,             -- records of this camera, by its id; null: of all
  reason         TEXT    NOT NULL CHECK (length(reason) > 0), -- why, in his own words
  placed_by      TEXT    NOT NULL, -- the user who placed it
  placed_at_us   INTEGER NOT NULL, -- our clock
  placed_seq     INTEGER NOT NULL, -- the journal entry
  released_seq   INTEGER,          -- the journal entry of its release; null: it stands
  released_at_us INTEGER,          -- our clock
  release_reason TEXT,             -- why, in his own words
  released_by    TEXT,             -- the user who released it
  release_confirmed_by TEXT        -- another user, who confirmed that
) STRICT;

-- Door readings for 入退室記録.
CREATE TABLE reading (
  entry          INTEGER PRIMARY KEY, -- the journal entry
  occurred_at_us INTEGER NOT NULL, -- device time corrected by the known offset of the source
  device_time_us INTEGER NOT NULL, -- the source's clock
  recorded_at_us INTEGER NOT NULL, -- our clock
  source         INTEGER NOT NULL, -- word: who reported it
  source_number  INTEGER,          -- the source's own number; null where it has none
  reader         INTEGER NOT NULL, -- word: the reader, as the source named it
  door           INTEGER,          -- word: its door; null where the reader is not registered
  direction      INTEGER,          -- 0 entry (outer to inner), 1 exit; null where the reader is not registered
  zone           INTEGER,          -- word: the zone on the door's inner side; null where it is not registered
  credential     INTEGER NOT NULL, -- word: the credential, as the source named it
  person         INTEGER,          -- word: operator or person it belongs to at that time; null where it is not registered
  granted        INTEGER NOT NULL CHECK (granted IN (0, 1)), -- 1: the door was released
  factors        TEXT              -- factors presented, joined by commas; null: the credential alone
) STRICT;
-- One index for all searches: it is written at its end only, while one by person would touch a page
-- for each person in every commit. A search by person or door walks the index over the time
-- searched, without touching the rows that don't fit.
CREATE INDEX reading_by_time ON reading (occurred_at_us, person, door);

-- What is known of the clocks of sources (`source.clock`). The newest entry that covers an
-- instant counts.
CREATE TABLE source_offset (
  entry     INTEGER PRIMARY KEY, -- the journal entry
  source    INTEGER NOT NULL, -- word
  offset_us INTEGER NOT NULL, -- the source's clock minus the true time; positive: fast
  from_us   INTEGER NOT NULL, -- first instant, by the source's clock, that it applies to
  until_us  INTEGER NOT NULL  -- the first instant after it
) STRICT;
CREATE INDEX source_offset_by_source ON source_offset (source, entry);

-- Stays: who was where, from when to when, how well it is known. As the engine last said. Kept
-- by start, so that a commit writes at the end of the table and not at every person's place. No
-- stay but an open one is longer than `head.longest_stay_us`: a search for those that overlap a
-- span begins that much before it.
CREATE TABLE stay (
  start_us INTEGER NOT NULL, -- occurred_at of the entry
  person   INTEGER NOT NULL, -- word: operator or other person
  zone     INTEGER NOT NULL, -- word; being in a zone is being in its ancestors: each has a row
  end_us   INTEGER NOT NULL, -- occurred_at of the leaving
  grade    TEXT    NOT NULL, -- confirmed weak manual unconfirmed assumed
  PRIMARY KEY (start_us, person, zone)
) STRICT, WITHOUT ROWID;
CREATE INDEX stay_open ON stay (zone, start_us) WHERE end_us = 2305843009213693951;

-- Outages: when a door could not be seen, and why. As the engine last said.
CREATE TABLE outage (
  door     INTEGER NOT NULL, -- word
  start_us INTEGER NOT NULL,
  cause    TEXT    NOT NULL, -- the engine's closed list: before_watch, own_downtime, source_silent, ...
  end_us   INTEGER NOT NULL,
  PRIMARY KEY (door, start_us, cause)
) STRICT, WITHOUT ROWID;

-- Remote sessions, with their newest verdict.
CREATE TABLE session (
  id            INTEGER PRIMARY KEY, -- our number, for addresses of pages
  source        INTEGER NOT NULL, -- word: who reported it
  epoch         INTEGER NOT NULL, -- word: the source's numbering; -1: none
  session       INTEGER NOT NULL, -- word: the source's id of it
  start_us      INTEGER NOT NULL, -- its start; of the first sign of it where the start is unknown
  start_unknown INTEGER NOT NULL CHECK (start_unknown IN (0, 1)), -- 1: known only by a later sign
  ended         TEXT    NOT NULL CHECK (ended IN ('open', 'ended', 'presumed')), -- presumed: nothing was heard for too long
  end_us        INTEGER NOT NULL, -- its end; "still going on" while open
  last_sign_us  INTEGER NOT NULL, -- the newest sign of it
  account       INTEGER, -- word, as the source gave it
  terminal      INTEGER, -- word, as the source gave it
  target        INTEGER, -- word: the system reached
  via           INTEGER, -- word: the city's stepping stone
  operator      INTEGER, -- word: whose account it is; null where it is not registered
  client        INTEGER, -- word: whom the account works for; null where it is not registered
  zone          INTEGER, -- word: where the terminal stands; null where it is not registered
  proofs        BLOB    NOT NULL, -- journal entries that tell of it, 8 bytes each, big-endian
  gone          INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1)), -- 1: turned out not to be a session of its own; kept for its history
  revision      INTEGER NOT NULL DEFAULT 0, -- number of the newest revision; 0: none yet
  verdict       TEXT,    -- the newest revision's verdict; null: none yet
  grade         TEXT,    -- its grade; null where nothing supports it
  judged_at_us  INTEGER, -- when it was reached
  address       INTEGER, -- word: the terminal's network address, as the source saw it
  inner_address INTEGER, -- word: the address that the source gave it
  factors       INTEGER NOT NULL DEFAULT 0 -- how many different factors the sign-in had; 0: not told
) STRICT;
CREATE UNIQUE INDEX session_is_one ON session (source, epoch, session, start_us) WHERE gone = 0;
CREATE INDEX session_by_time ON session (start_us);
CREATE INDEX session_by_operator ON session (operator, start_us) WHERE operator IS NOT NULL;
CREATE INDEX session_by_client ON session (client, start_us) WHERE client IS NOT NULL;
CREATE INDEX session_open ON session (start_us) WHERE ended = 'open' AND gone = 0;

-- The records of sessions that more than one source told of.
CREATE TABLE session_part (
  source        INTEGER NOT NULL, -- word: who reported the record
  epoch         INTEGER NOT NULL, -- word: the source's numbering; -1: none
  part          INTEGER NOT NULL, -- word: the source's id of it
  start_us      INTEGER NOT NULL, -- the record's own start
  session       INTEGER NOT NULL, -- session.id of what it belongs to
  place         INTEGER NOT NULL, -- 0 for the earliest, whose key is the session's
  start_unknown INTEGER NOT NULL CHECK (start_unknown IN (0, 1)), -- 1: known only by a later sign
  ended         TEXT    NOT NULL CHECK (ended IN ('open', 'ended', 'presumed')), -- as its own source told
  end_us        INTEGER NOT NULL, -- its own end; "still going on" while open
  account       INTEGER, -- word, as the source gave it
  terminal      INTEGER, -- word, as the source gave it
  target        INTEGER, -- word: the system reached
  via           INTEGER, -- word: the city's stepping stone
  address       INTEGER, -- word: the terminal's network address, as the source saw it
  inner_address INTEGER, -- word: the address that the source gave it
  factors       INTEGER NOT NULL, -- how many different factors the sign-in had; 0: not told
  link          TEXT    NOT NULL CHECK (link IN ('line', 'inner_address', 'terminal', 'address', 'target')), -- what ties it to another record
  PRIMARY KEY (source, epoch, part, start_us)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_part_by_session ON session_part (session, place);

-- Revisions: every verdict that a session ever had. Never edited; the newest is the verdict.
CREATE TABLE revision (
  session     INTEGER NOT NULL, -- session.id
  number      INTEGER NOT NULL CHECK (number >= 1), -- 1 for the first
  at_us       INTEGER NOT NULL, -- when it was reached
  verdict     TEXT    NOT NULL, -- present partial absent ...
  grade       TEXT,             -- null where nothing supports it
  absent      BLOB    NOT NULL, -- spans in which the operator is known to have been absent: 16 bytes each, start and end, big-endian
  unknown     BLOB    NOT NULL, -- spans in which it is not known, likewise
  cause       TEXT    NOT NULL CHECK (cause IN ('observation', 'registers', 'time')), -- what brought it
  cause_seq   INTEGER,          -- the journal entry of that cause; null for time
  journal_seq INTEGER NOT NULL, -- the journal entry of this revision
  PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

-- Findings: what is wrong, as it stands now.
CREATE TABLE finding (
  id             INTEGER PRIMARY KEY, -- our number, for addresses of pages
  key            TEXT    NOT NULL UNIQUE, -- the same in every run: `absent|session:vpn-1/7781|2026-11-22T00:05:00Z`
  kind           TEXT    NOT NULL, -- the word of its kind
  severity       TEXT    NOT NULL, -- medium high critical
  at_us          INTEGER NOT NULL, -- the instant in the key
  start_us       INTEGER NOT NULL, -- the span it speaks of
  end_us         INTEGER NOT NULL,
  client         INTEGER,          -- word: whom it concerns; null: the site
  opened_at_us   INTEGER NOT NULL, -- when it first held
  changed_at_us  INTEGER NOT NULL, -- when it last changed
  resolved_at_us INTEGER,          -- when it ceased to hold; null while it holds
  revision       INTEGER NOT NULL CHECK (revision >= 1), -- how many changes it has seen: one alert each
  journal_seq    INTEGER NOT NULL, -- the journal entry of the newest change
  body           BLOB    NOT NULL  -- the finding as the engine has it, as store/src/bytes.rs documents it
) STRICT;
CREATE INDEX finding_holds ON finding (kind, at_us) WHERE resolved_at_us IS NULL;
CREATE INDEX finding_by_change ON finding (changed_at_us);

-- What a finding names.
CREATE TABLE finding_subject (
  sort    TEXT    NOT NULL, -- session person account terminal client zone door reader credential source order camera segment cause
  value   TEXT    NOT NULL, -- the id; `source/id` for a session; the word of a cause
  finding INTEGER NOT NULL, -- finding.id
  place   INTEGER NOT NULL, -- its place among the finding's subjects, from 0
  PRIMARY KEY (sort, value, finding)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_subject_of ON finding_subject (finding, place);

-- The history of findings: opened, changed, resolved.
CREATE TABLE finding_event (
  finding     INTEGER NOT NULL, -- finding.id
  revision    INTEGER NOT NULL CHECK (revision >= 1), -- 1 for the first
  change      TEXT    NOT NULL CHECK (change IN ('opened', 'changed', 'resolved')),
  at_us       INTEGER NOT NULL, -- when
  severity    TEXT    NOT NULL, -- as it was then
  cause       TEXT    NOT NULL CHECK (cause IN ('observation', 'registers', 'time')),
  cause_seq   INTEGER,          -- the journal entry of the cause; null for time
  journal_seq INTEGER NOT NULL, -- the journal entry of this change
  PRIMARY KEY (finding, revision)
) STRICT, WITHOUT ROWID;

-- Messages that have to go out: one row for each change of a finding and channel, written with
-- the change itself, so none is forgotten by a crash.
CREATE TABLE outbox (
  id              INTEGER PRIMARY KEY,
  finding         INTEGER NOT NULL, -- finding.id
  revision        INTEGER NOT NULL, -- which change of it
  channel         TEXT    NOT NULL, -- the channel's id in the configuration
  body            TEXT    NOT NULL, -- the change as JSON: the journal body of that change
  recorded_at_us  INTEGER NOT NULL, -- when it was written
  state           TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
  failures        INTEGER NOT NULL CHECK (failures >= 0), -- attempts that failed
  next_at_us      INTEGER NOT NULL, -- when it is due while waiting
  last_error      TEXT,             -- what went wrong last
  needs_person    INTEGER NOT NULL CHECK (needs_person IN (0, 1)), -- 1: somebody has to repair something
  delivered_at_us INTEGER,          -- when the peer took it
  UNIQUE (finding, revision, channel)
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at_us) WHERE state = 'waiting';
CREATE INDEX outbox_delivered ON outbox (channel, delivered_at_us) WHERE state = 'delivered';
CREATE INDEX outbox_failed ON outbox (id) WHERE state = 'failed';

-- Notices to clients (市への通知): one for the start of a session and one for its end, queued with
-- the observation that brought it, so none is forgotten by a crash.
CREATE TABLE session_notice (
  id              INTEGER PRIMARY KEY,
  session         INTEGER NOT NULL, -- session.id
  moment          TEXT    NOT NULL CHECK (moment IN ('start', 'end')),
  at_us           INTEGER NOT NULL, -- the session's start or end
  covers          INTEGER NOT NULL, -- the smallest size of the journal in which what is told stands
  queued_at_us    INTEGER NOT NULL, -- our clock when it was known
  due_at_us       INTEGER NOT NULL, -- until when the client is to have it
  state           TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
  failures        INTEGER NOT NULL CHECK (failures >= 0), -- attempts that failed
  next_at_us      INTEGER NOT NULL, -- when it is tried next while waiting
  last_error      TEXT,             -- what went wrong last
  delivered_at_us INTEGER,          -- when the client's mail server took it
  told            TEXT,             -- what that server said, and who of several receivers was refused
  checkpoint_size INTEGER,          -- entries under the checkpoint that it carried
  UNIQUE (session, moment)
) STRICT;
CREATE INDEX session_notice_open ON session_notice (next_at_us) WHERE state <> 'delivered';

-- Sources as they were heard: written for every source that ever spoke, registered or not.
CREATE TABLE source_seen (
  source         INTEGER PRIMARY KEY, -- word
  leaves         INTEGER NOT NULL, -- journal entries of this source: its next `source_seq`
  observations   INTEGER NOT NULL, -- observations kept
  duplicates     INTEGER NOT NULL, -- arrivals that were known already
  unreadable     INTEGER NOT NULL, -- arrivals that could not be understood
  link           TEXT    NOT NULL, -- the link of the newest arrival
  epoch          INTEGER,          -- word: the numbering of the newest numbered observation
  number         INTEGER,          -- its number
  device_time_us INTEGER,          -- the newest device time it claimed
  first_at_us    INTEGER NOT NULL, -- our clock at its first arrival
  last_at_us     INTEGER NOT NULL  -- our clock at its newest arrival
) STRICT;

-- How many journal entries each client has: its next `client_seq`.
CREATE TABLE client_seen (
  client INTEGER PRIMARY KEY, -- word; the empty text: the site
  leaves INTEGER NOT NULL     -- journal entries
) STRICT;

-- Doors, readers and cameras as they were last heard of (by device time, then by entry).
CREATE TABLE device_state (
  sort           TEXT    NOT NULL CHECK (sort IN ('door', 'reader', 'camera')),
  device         INTEGER NOT NULL, -- word, as the source named it
  state          TEXT    NOT NULL, -- door: closed opened ...; reader: online offline tamper; camera: well, unreachable, not_recording, stale
  detail         INTEGER,          -- camera: age of the newest frame in milliseconds
  source         INTEGER NOT NULL, -- word: who said so
  device_time_us INTEGER NOT NULL, -- the source's clock
  recorded_at_us INTEGER NOT NULL, -- our clock
  entry          INTEGER NOT NULL, -- the journal entry
  PRIMARY KEY (sort, device)
) STRICT, WITHOUT ROWID;

-- Stretches of video that recorders hold, or no longer hold: the newest word on each.
CREATE TABLE footage (
  camera   INTEGER NOT NULL, -- word
  path     TEXT    NOT NULL, -- where the recorder keeps it, below its folder
  start_us INTEGER NOT NULL, -- its first instant
  end_us   INTEGER NOT NULL, -- the first instant after it
  bytes    INTEGER NOT NULL CHECK (bytes >= 0), -- its size; 0 when it is gone
  sha256   TEXT,             -- of the file, in hex, where it was read
  gone     INTEGER NOT NULL CHECK (gone IN (0, 1)), -- 1: the recorder no longer holds it
  entry    INTEGER NOT NULL, -- the journal entry that says so
  PRIMARY KEY (camera, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX footage_by_time ON footage (camera, start_us);

-- Operation logs of terminals (操作ログ): the newest word on each file.
CREATE TABLE oplog (
  terminal INTEGER NOT NULL, -- word
  path     TEXT    NOT NULL, -- where it is kept, below its folder
  session  INTEGER,          -- word: the one session that it tells of; null: all of its time
  start_us INTEGER NOT NULL, -- the first instant that it tells of
  end_us   INTEGER NOT NULL, -- the first instant after it
  bytes    INTEGER NOT NULL CHECK (bytes >= 0), -- its size; 0 when it is gone
  sha256   TEXT,             -- of the file, in hex, where it was read
  gone     INTEGER NOT NULL CHECK (gone IN (0, 1)), -- 1: it is no longer kept
  said_us  INTEGER NOT NULL, -- when that was said, by the source's clock
  entry    INTEGER NOT NULL, -- the journal entry that says so
  PRIMARY KEY (terminal, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX oplog_by_time ON oplog (terminal, start_us);

-- When terminals were switched on and off.
CREATE TABLE terminal_power (
  entry    INTEGER PRIMARY KEY, -- the journal entry
  terminal INTEGER NOT NULL, -- word
  at_us    INTEGER NOT NULL, -- device time corrected by the offset of the source as it was known then
  state    TEXT    NOT NULL CHECK (state IN ('on', 'off')) -- what it is from then on
) STRICT;
CREATE INDEX terminal_power_by_time ON terminal_power (terminal, at_us);

-- Work orders (リモート保守申請): what each became, step by step; the forms themselves are in `payload`.
CREATE TABLE order_step (
  entry      INTEGER PRIMARY KEY, -- the journal entry
  work_order INTEGER NOT NULL, -- word: its number
  client     INTEGER NOT NULL, -- word: whose systems it is about
  state      TEXT    NOT NULL, -- drafted submitted approved rejected in_progress reported accepted withdrawn
  at_us      INTEGER NOT NULL, -- from when on it stands so
  from_us    INTEGER NOT NULL, -- the first instant at which work is allowed
  to_us      INTEGER NOT NULL  -- the first instant after it
) STRICT;
CREATE INDEX order_step_by_order ON order_step (work_order, at_us, entry);

-- Failure reports (障害報告): each report that was handed in; what they say is in `payload`.
CREATE TABLE failure_report (
  entry          INTEGER PRIMARY KEY, -- the journal entry
  report         INTEGER NOT NULL, -- word: the number that all reports on one failure have
  client         INTEGER NOT NULL, -- word: to whom it is reported
  work_order     INTEGER,          -- word: the work order that it names; null: none
  session        INTEGER,          -- word: the session that it names, by its source's id; null: none
  stage          TEXT    NOT NULL CHECK (stage IN ('first', 'interim', 'final')), -- which of the reports it is
  at_us          INTEGER NOT NULL, -- when it was handed in
  detected_at_us INTEGER NOT NULL  -- when the failure was noticed
) STRICT;
CREATE INDEX failure_report_by_number ON failure_report (report, at_us, entry);

-- Sign-ins, and what was done with users (利用者の記録).
CREATE TABLE account_event (
  entry     INTEGER PRIMARY KEY, -- the journal entry
  at_us     INTEGER NOT NULL, -- when; where it was not told, when it was recorded
  user_name TEXT    NOT NULL, -- with whom; `key:ID` for a key
  act       TEXT    NOT NULL, -- what: signed_in refused locked stopped made role disabled enabled reset password token codes factors_removed key_made key_revoked
  by_user   TEXT    NOT NULL, -- who; console: somebody on the machine
  address   TEXT,             -- where he asked from; null: on the machine
  detail    TEXT              -- more: the role, what was wrong; null: nothing
) STRICT;

-- What people did about findings (検知への対応); it changes nothing of what holds.
CREATE TABLE finding_act (
  entry    INTEGER PRIMARY KEY, -- the journal entry
  finding  INTEGER NOT NULL, -- finding.id
  revision INTEGER NOT NULL, -- the revision that he had before him
  act      TEXT    NOT NULL CHECK (act IN ('acknowledge', 'assign', 'comment', 'snooze', 'forward', 'close', 'reopen')), -- what
  at_us    INTEGER NOT NULL, -- our clock
  by_user  TEXT    NOT NULL, -- who
  to_whom  TEXT,             -- who is to see to it, or whom of the city he told; null: nobody
  until_us INTEGER,          -- until when it is put off; null: it isn't
  note     TEXT              -- in his own words; null: none
) STRICT;
CREATE INDEX finding_act_of ON finding_act (finding, entry);

-- How each finding stands by them; those that nobody touched have no row.
CREATE TABLE finding_desk (
  finding          INTEGER PRIMARY KEY, -- finding.id
  acknowledged     INTEGER NOT NULL, -- the newest revision that somebody acknowledged; 0: none
  closed           INTEGER NOT NULL, -- the newest revision that was closed; 0: none
  snoozed_until_us INTEGER, -- until when it is put off; null: it isn't
  assignee         TEXT     -- the user who is to see to it; null: nobody
) STRICT;

-- What the users of clients (市) looked at (閲覧記録).
CREATE TABLE look (
  entry     INTEGER PRIMARY KEY, -- the journal entry
  at_us     INTEGER NOT NULL, -- our clock, before the answer was given
  user_name TEXT    NOT NULL, -- who
  role      TEXT    NOT NULL, -- the word of his role then
  clients   TEXT    NOT NULL, -- ids of the clients that he was of, one a line
  path      TEXT    NOT NULL, -- the address that he asked for, with what he searched for
  address   TEXT    NOT NULL  -- where he asked from
) STRICT;

-- Arrivals that could not be understood; the bytes themselves are in `payload`.
CREATE TABLE unreadable (
  entry          INTEGER PRIMARY KEY, -- the journal entry
  recorded_at_us INTEGER NOT NULL, -- our clock
  link           TEXT    NOT NULL, -- the link it came over
  source         INTEGER NOT NULL, -- word: who sent it; the empty text where the link can't tell
  length         INTEGER NOT NULL CHECK (length >= 0), -- the whole length in bytes
  reason         TEXT    NOT NULL  -- why it is no observation
) STRICT;

-- ======== BEGIN pages: users, sign-ins, keys (kept by store/src/users) ========
-- Written through a connection of their own, in short transactions: none of this is evidence.

-- Users of the pages.
CREATE TABLE user (
  id                 INTEGER PRIMARY KEY,
  name               TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64), -- signs in with it
  role               TEXT    NOT NULL CHECK (role IN ('administrator', 'manager', 'security', 'auditor', 'operator', 'inspector', 'officer')), -- what it is, and so what it may do
  clients            TEXT    NOT NULL DEFAULT '', -- ids of the clients (市) that an inspector or officer is of, one a line; empty for everybody else
  person             TEXT,    -- an operator's id in the registers; null for everybody else
  valid_from_us      INTEGER, -- may sign in from then on; null: at once
  valid_until_us     INTEGER, -- may not from then on; null: for good
  sees_from_us       INTEGER, -- sees nothing of the time before it; null: all that is kept
  password_hash      TEXT    NOT NULL, -- Argon2id, as a PHC string
  password_version   INTEGER NOT NULL CHECK (password_version >= 1), -- grows with each change: sign-ins under an older one are void
  password_set_at_us INTEGER NOT NULL DEFAULT 0, -- our clock: its time runs from here
  must_change        INTEGER NOT NULL CHECK (must_change IN (0, 1)), -- 1: the password is a one-time one
  initial_until_us   INTEGER, -- until when a one-time password may be used; null: it is none
  initial_used_at_us INTEGER, -- when it was used; null: not yet
  created_at_us      INTEGER NOT NULL, -- our clock
  disabled_at_us     INTEGER, -- null: may sign in
  failures           INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0), -- wrong passwords or codes in a row
  failures_in_all    INTEGER NOT NULL DEFAULT 0 CHECK (failures_in_all >= 0), -- the same since the last sign-in, whatever locks ran out
  locked_until_us    INTEGER, -- no password is right before it; null: not locked
  signed_in_at_us    INTEGER  -- the newest sign-in; null: never
) STRICT;

-- Passwords that users had before, so that they don't return to them.
CREATE TABLE former_password (
  id            INTEGER PRIMARY KEY, -- in the order in which they were given up
  user_id       INTEGER NOT NULL REFERENCES user (id),
  password_hash TEXT    NOT NULL -- Argon2id, as a PHC string
) STRICT;
CREATE INDEX former_password_by_user ON former_password (user_id, id);

-- Tokens and apps that make codes (OATH): one that counts, and one that waits for its first code.
CREATE TABLE second_factor (
  user_id    INTEGER NOT NULL REFERENCES user (id),
  confirmed  INTEGER NOT NULL CHECK (confirmed IN (0, 1)), -- 0: begun, no code of it was seen yet
  seed       BLOB    NOT NULL CHECK (length(seed) BETWEEN 16 AND 64), -- HMAC-SHA-1 key (RFC 4226)
  digits     INTEGER NOT NULL CHECK (digits BETWEEN 6 AND 8), -- of a code
  step_s     INTEGER, -- seconds of a step (RFC 6238); null: it counts
  moving     INTEGER NOT NULL CHECK (moving >= 0), -- the smallest step or count that may still be used
  made_at_us INTEGER NOT NULL, -- our clock
  PRIMARY KEY (user_id, confirmed)
) STRICT, WITHOUT ROWID;

-- Codes on a printed list: each is good once. Who has rows here has a second factor, though all be used.
CREATE TABLE printed_code (
  user_id    INTEGER NOT NULL REFERENCES user (id),
  code_hash  BLOB    NOT NULL CHECK (length(code_hash) = 32), -- SHA-256 of 80 random bits in base 32
  used_at_us INTEGER, -- null: not yet
  PRIMARY KEY (user_id, code_hash)
) STRICT, WITHOUT ROWID;

-- Sign-ins: what the cookie of a browser stands for.
CREATE TABLE web_session (
  id_hash          BLOB    PRIMARY KEY CHECK (length(id_hash) = 32), -- SHA-256 of the 256 random bits in the cookie
  user_id          INTEGER NOT NULL REFERENCES user (id),
  scope            TEXT    NOT NULL CHECK (scope IN ('full', 'wall', 'half')), -- wall: shows the wall display and nothing else; half: waits for the second factor
  password_version INTEGER NOT NULL, -- the user's, when it was opened
  address          TEXT    NOT NULL, -- where it was opened from
  created_at_us    INTEGER NOT NULL, -- our clock
  seen_at_us       INTEGER NOT NULL, -- the newest act of the user, to within half a minute: the idle time runs from here
  expires_at_us    INTEGER NOT NULL  -- ends then whatever happens
) STRICT, WITHOUT ROWID;
CREATE INDEX web_session_by_user ON web_session (user_id, created_at_us);

-- What was done with users and waits for the journal: written with the act, in its transaction.
CREATE TABLE account_waiting (
  id        INTEGER PRIMARY KEY, -- in the order of the acts
  at_us     INTEGER, -- our clock; null: not told
  user_name TEXT    NOT NULL, -- with whom
  act       TEXT    NOT NULL, -- what, as in account_event
  by_user   TEXT    NOT NULL, -- who; console: somebody on the machine
  address   TEXT,             -- where he asked from; null: on the machine
  detail    TEXT              -- more; null: nothing
) STRICT;

-- Sign-in attempts, the newest ten thousand.
CREATE TABLE login_attempt (
  id        INTEGER PRIMARY KEY,
  at_us     INTEGER NOT NULL, -- our clock
  user_name TEXT    NOT NULL, -- as typed; empty where it is no possible name, lest a password be kept
  address   TEXT    NOT NULL, -- where it came from
  accepted  INTEGER NOT NULL CHECK (accepted IN (0, 1)) -- 1: signed in
) STRICT;

-- Keys of sources and programs for the API.
CREATE TABLE api_key (
  id            TEXT    PRIMARY KEY, -- the part of the key that may be shown
  secret_hash   BLOB    NOT NULL CHECK (length(secret_hash) = 32), -- SHA-256 of the 256 random bits of the other part
  label         TEXT    NOT NULL, -- what it was made for
  sources       TEXT    NOT NULL, -- JSON list of the sources it may speak for
  may_read      INTEGER NOT NULL CHECK (may_read IN (0, 1)), -- 1: may read what the pages show
  created_at_us INTEGER NOT NULL, -- our clock
  revoked_at_us INTEGER, -- null: in force
  clients       TEXT    NOT NULL DEFAULT '', -- ids of the clients whose records it reads, one a line; empty: the whole site's
  until_us      INTEGER -- until when it holds; null: until it is revoked
) STRICT, WITHOUT ROWID;
-- ======== END pages ========
