#!/usr/bin/env python3
"""A second verifier of evidence packs, written from schema/README.md, "Evidence packs".

It shares no code with the Rust crate `kukaku-pack`: trees are computed by their recursive
definition, the archive is rebuilt whole and compared. Only Python's standard library and openssl
are used:

    python3 tests/verify/pack.py KEY PACK       verifies a pack with the site's public key
    python3 tests/verify/pack.py claims KEY     answers each line of the input, a pack in base64:
                                                ok, or bad REASON

Exit code: 0 if it verifies (or everything was answered), 1 if not, 2 if it was called wrongly.
"""

import base64
import binascii
import functools
import json
import struct
import sys

import ledger
from ledger import Bad, commitment, expect, leaf_hash, node_hash, read_leaf, read_note, read_verifier_key, strict_base64

NAMES = [
    "checkpoint.note", "entries.jsonl", "keys.txt", "leaves.bin", "manifest.json", "manifest.note",
    "range.json", "セッション.csv", "入退室.csv", "検知.csv", "検証方法.txt",
]
MANIFEST_FIELDS = [
    "format", "origin", "client", "from", "to", "from_us", "to_us", "tree_size", "root", "first", "count",
    "fence_before", "fence_after", "opened", "masked", "erased", "late", "scope", "csv", "algorithms", "files",
]
SCOPE = (
    "opened: every entry of the client between the fences (the fences themselves without their body), and the "
    "readings, passages and manual entries of operators who work for the client. masked: all other entries of "
    "the site, its registers, and of other clients. The numbers within the client (client_seq) run from fence "
    "to fence without a hole: none of the client's own entries is left out. That none of the site's is left out "
    "is not proven."
)
ALGORITHMS = {
    "hash": "SHA-256", "tree": "RFC 6962", "commitment": 'SHA-256(salt || length || "payload" || length || body)',
    "signature": "Ed25519, C2SP signed-note",
}
LINE_SHAPES = [
    ["seq", "leaf", "salt", "body"], ["seq", "leaf", "salt", "body", "person"],
    ["seq", "leaf", "fence"], ["seq", "leaf", "erased"],
]

ledger.openssl_verifies = functools.lru_cache(maxsize=None)(ledger.openssl_verifies)


# --- the archive --------------------------------------------------------------------------------


def archive(files):
    """The only bytes that an archive of these files may have."""
    body, central = b"", b""
    for name, data in files.items():
        raw = name.encode()
        common = struct.pack("<HHHHHIIIHH", 10, 0x0800, 0, 0, 0x21, binascii.crc32(data), len(data), len(data), len(raw), 0)
        central += b"PK\x01\x02" + struct.pack("<H", 20) + common + bytes(10) + struct.pack("<I", len(body)) + raw
        body += b"PK\x03\x04" + common + raw + data
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(files), len(files), len(central), len(body), 0)
    return body + central + end


def unpack(data):
    files, at = {}, 0
    for name in NAMES:
        head = data[at : at + 30]
        expect(len(head) == 30 and head[:4] == b"PK\x03\x04", f"archive: no header for {name}")
        size, length = struct.unpack("<I", head[18:22])[0], struct.unpack("<H", head[26:28])[0]
        start = at + 30 + length
        expect(data[at + 30 : start] == name.encode(), f"archive: {name} was to come")
        expect(start + size <= len(data), f"archive: ends within {name}")
        files[name] = data[start : start + size]
        at = start + size
    expect(archive(files) == data, "archive: not the only encoding")
    return files


# --- texts --------------------------------------------------------------------------------------


class Raw(str):
    """A number as it was written."""


def whole(text, low=-(2**63), high=2**64 - 1):
    number = int(text)
    expect(str(number) == text and low <= number <= high, "not a whole number")
    return number


def parse(data, what):
    """JSON; numbers stay as they were written."""
    try:
        value = json.loads(data, parse_int=Raw, parse_float=Raw, parse_constant=lambda c: [][0])
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError, IndexError, UnicodeError):
        raise Bad(f"{what}: not JSON") from None


def text_of(data, what):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Bad(f"{what}: not UTF-8") from None


def written(value, pretty, pad=""):
    """The only way in which a pack writes JSON."""
    if isinstance(value, Raw):
        return str(value)
    if not isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    deeper = pad + "  " if pretty else ""
    colon = ": " if pretty else ":"
    if isinstance(value, dict):
        items = [written(k, False) + colon + written(v, pretty, deeper) for k, v in value.items()]
    else:
        items = [written(v, pretty, deeper) for v in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    if not items:
        return opening + closing
    if pretty:
        return f"{opening}\n" + ",\n".join(deeper + i for i in items) + f"\n{pad}{closing}"
    return opening + ",".join(items) + closing


def number(value, low=0):
    expect(isinstance(value, Raw), "not a number")
    try:
        return whole(value, low, 2**63 - 1)
    except ValueError:
        raise Bad("not a whole number") from None


def instant(us):
    days, rest = divmod(us, 86_400_000_000)
    # 2000-03-01 is day 11017; leap days then come at the end of a year that begins in March.
    day = days - 11017
    cycles, day = divmod(day, 146_097)
    century = min(day // 36_524, 3)
    day -= century * 36_524
    fours, day = divmod(day, 1461)
    one = min(day // 365, 3)
    day -= one * 365
    year, month = 2000 + cycles * 400 + century * 100 + fours * 4 + one, 3
    for length in (31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29):
        if day < length:
            break
        day, month = day - length, month + 1
    if month > 12:
        month, year = month - 12, year + 1
    if not 0 <= year <= 9999:
        return str(us)
    seconds, fraction = divmod(rest, 1_000_000)
    tail = f".{fraction:06}" if fraction else ""
    return f"{year:04}-{month:02}-{day + 1:02}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{tail}Z"


# --- CSV ----------------------------------------------------------------------------------------

SHEETS = {
    "セッション.csv": (["session.started", "session.alive", "session.ended", "revision"], """記録番号=#seq 記録時刻(UTC)=#recorded
        種類=#kind 機器=session.source|#source 採番=session.epoch|epoch セッション=session.session|session
        機器時刻=session.start|device_time アカウント=account 端末=terminal 接続先=target 経由=via 認証要素=factors
        終了理由=reason 改訂番号=number 判定時刻=at 判定=verdict 確度=grade 不在の区間=absent 不明の区間=unknown"""),
    "入退室.csv": (["door.reading", "door.used", "manual.entry"], """記録番号=#seq 記録時刻(UTC)=#recorded 種類=#kind 機器=#source
        機器の番号=seq 機器時刻=device_time 作業者(台帳による)=person|#person リーダー=reader 扉=door 区画=zone 方向=direction
        認証媒体=credential 結果=result 認証要素=factors 理由=reason 対象の読み取り=reading 通過=used"""),
    "検知.csv": (["finding"], """記録番号=#seq 記録時刻(UTC)=#recorded 変化=change 検知=finding 重大度=severity 時刻=at 区間=span
        対象=subjects 根拠の記録番号=proofs 識別=key"""),
}


def flat(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Raw):
        try:
            return str(whole(value))
        except (ValueError, Bad):
            return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(flat(v) for v in value)
    if "start" in value:
        return f"{flat(value['start'])}/{flat(value.get('end'))}"
    if "sort" in value:
        return f"{flat(value['sort'])}:{flat(value.get('value'))}"
    return ""


@functools.lru_cache(maxsize=None)
def shift_jis_table():
    table = {}
    for lead in [*range(0x81, 0xA0), *range(0xE0, 0xED), *range(0xFA, 0xFD)]:
        for trail in [*range(0x40, 0x7F), *range(0x80, 0xFD)]:
            try:
                one = bytes([lead, trail]).decode("cp932")
            except UnicodeDecodeError:
                continue
            if len(one) == 1:
                table.setdefault(one, bytes([lead, trail]))
    return table


def encoded(text, csv):
    if csv == "utf-8":
        return text.encode()
    out = b""
    for c in text:
        if c < "\x80":
            out += c.encode()
        elif "\uff61" <= c <= "\uff9f":
            out += bytes([ord(c) - 0xFF61 + 0xA1])
        else:
            out += shift_jis_table().get(c) or f"U+{ord(c):04X}".encode()
    return out


def row(cells):
    guarded = ["'" + c if c[:1] in ("=", "+", "-", "@", "\t", "\r") and c else c for c in cells]
    quoted = ['"' + c.replace('"', '""') + '"' if set(c) & set(',"\r\n') else c for c in guarded]
    return ",".join(quoted) + "\r\n"


def cell(sources, line, body):
    leaf = line["read"]
    own = {"#seq": str(leaf["seq"]), "#recorded": instant(leaf["recorded_at"]), "#kind": leaf["kind"],
           "#source": leaf["source"], "#person": line.get("person", "")}
    for source in sources.split("|"):
        value = body
        for field in source.split("."):
            value = value.get(field) if isinstance(value, dict) else None
        found = own[source] if source in own else flat(value)
        if found:
            return found
    return ""


def sheet(name, lines, csv):
    kinds, columns = SHEETS[name]
    columns = [column.rsplit("=", 1) for column in columns.split()]
    text = row([head for head, _ in columns])
    for line in lines:
        if "body" in line and line["read"]["kind"] in kinds:
            body = parse(line["body"], "body")
            expect(isinstance(body, dict), "body is no object")
            text += row([cell(sources, line, body) for _, sources in columns])
    return (b"\xef\xbb\xbf" if csv == "utf-8" else b"") + encoded(text, csv)


# --- the pack -----------------------------------------------------------------------------------


def subtrees(start, end):
    """Sizes of the fewest complete subtrees that cover the leaves start..end."""
    while start < end:
        size = 1
        while start % (2 * size) == 0 and start + 2 * size <= end:
            size *= 2
        yield start, size
        start += size


def root_of(start, size, known):
    """RFC 6962 section 2.1 over what is known: {(start, size): hash}."""
    if (start, size) in known:
        return known[start, size]
    expect(size > 1, "a leaf is not known")
    left = ledger.split(size)
    return node_hash(root_of(start, left, known), root_of(start + left, size - left, known))


def read_line(text):
    line = parse(text, "entries.jsonl")
    expect(isinstance(line, dict) and list(line) in LINE_SHAPES, "entries.jsonl: other fields")
    expect(written(line, False) == text, "entries.jsonl: written otherwise")
    expect(all(isinstance(line[f], str) and not isinstance(line[f], Raw) for f in ("leaf", "salt", "body", "person") if f in line), "entries.jsonl: other fields")
    expect(line.get("fence", True) is True and line.get("erased", True) is True, "entries.jsonl: other fields")
    data = strict_base64(line["leaf"])
    line["read"], line["hash"] = read_leaf(data), leaf_hash(data)
    expect(number(line["seq"]) == line["read"]["seq"], "entries.jsonl: another number")
    if "body" in line:
        value = commitment(strict_base64(line["salt"]), "payload", line["body"].encode())
        expect(value.hex() == line["read"]["commitment"], "a value was changed")
    return line


def check_lines(lines, m):
    """Order and numbers; what is counted."""
    own = [line for line in lines if line["read"]["client"] == m["client"]]
    times = [line["read"]["recorded_at"] for line in lines]
    expect(times == sorted(times), "recorded out of order")
    for line in lines:
        at, is_own = line["read"]["recorded_at"], line["read"]["client"] == m["client"] and m["client"] != ""
        within = m["from_us"] <= at < m["to_us"]
        if is_own:
            expect("person" not in line and ("fence" in line) == (not within), "an own entry is opened wrongly")
        else:
            expect(line["read"]["client"] == "" and m["client"] and within and "person" in line, "a stranger's entry")
    before = [line for line in own if line["read"]["recorded_at"] < m["from_us"]]
    after = [line for line in own if line["read"]["recorded_at"] >= m["to_us"]]
    expect(len(before) <= 1 and len(after) <= 1, "more than one fence")
    if own:
        start = own[0]["read"]["client_seq"] if before else 0
        expect([line["read"]["client_seq"] for line in own] == list(range(start, start + len(own))), "a hole")
    erased = []
    for seq in (line["read"]["seq"] for line in lines if "erased" in line):
        if erased and erased[-1][1] + 1 == seq:
            erased[-1][1] = seq
        else:
            erased.append([seq, seq])
    expect(m["fence_before"] == (before[0]["read"]["seq"] if before else None), "another fence before")
    expect(m["fence_after"] == (after[0]["read"]["seq"] if after else None), "another fence after")
    expect(m["opened"] == sum("body" in line for line in lines), "another number opened")
    expect(m["masked"] == m["count"] - len(lines), "another number masked")
    expect(m["erased"] == erased, "others erased")


def read_manifest(data):
    m = parse(text_of(data, "manifest.json"), "manifest.json")
    expect(isinstance(m, dict) and list(m) == MANIFEST_FIELDS, "manifest.json: other fields")
    expect(written(m, True) + "\n" == data.decode(), "manifest.json: written otherwise")
    expect(m["format"] == "kukaku-pack/1" and m["csv"] in ("utf-8", "shift_jis"), "manifest.json: another format")
    expect(m["scope"] == SCOPE and list(m["algorithms"].items() if isinstance(m["algorithms"], dict) else []) == list(ALGORITHMS.items()), "manifest.json: other words")
    for field in ("from_us", "to_us"):
        m[field] = number(m[field], -(2**63))
    for field in ("tree_size", "first", "count", "opened", "masked"):
        m[field] = number(m[field])
    for field in ("fence_before", "fence_after"):
        m[field] = None if m[field] is None else number(m[field])
    for field in ("erased", "late"):
        expect(isinstance(m[field], list) and all(isinstance(r, list) and len(r) == 2 for r in m[field]), "manifest.json: no runs")
        m[field] = [[number(n) for n in r] for r in m[field]]
    expect(m["from_us"] <= m["to_us"], "manifest.json: the period ends before it begins")
    expect(m["from"] == instant(m["from_us"]) and m["to"] == instant(m["to_us"]), "manifest.json: other times")
    expect(isinstance(m["files"], list), "manifest.json: no files")
    for line in m["files"]:
        expect(isinstance(line, dict) and list(line) == ["name", "bytes", "sha256"], "manifest.json: no files")
    named = [n for n in NAMES if not n.startswith("manifest.")]
    expect([line["name"] for line in m["files"]] == named, "manifest.json: other files")
    return m


def verify(key, data):
    files = unpack(data)
    m = read_manifest(files["manifest.json"])
    name, key_id, public = read_verifier_key(key)
    expect(m["origin"] == name, "another site's")
    text, signatures = read_note(files["manifest.note"])
    expect(text == f"kukaku-pack/1\n{name}\n{ledger.sha256(files['manifest.json']).hex()}\n", "manifest.json was changed")
    expect(len(signatures) == 1 and signatures[0][:2] == (name, key_id), "manifest.note: not the key's")
    expect(len(signatures[0][2]) == 64 and ledger.openssl_verifies(public, text.encode(), signatures[0][2]), "manifest.note: wrong signature")
    for line in m["files"]:
        content = files[line["name"]]
        expect(number(line["bytes"]) == len(content) and line["sha256"] == ledger.sha256(content).hex(), f"{line['name']} was changed")
    _, size, root = ledger.check_checkpoint(key, files["checkpoint.note"])
    expect(size == m["tree_size"] and root.hex() == m["root"], "checkpoint.note: another tree")
    # The tree.
    r = parse(text_of(files["range.json"], "range.json"), "range.json")
    expect(isinstance(r, dict) and list(r) == ["first", "count", "left", "right"], "range.json: other fields")
    expect(written(r, True) + "\n" == files["range.json"].decode(), "range.json: written otherwise")
    first, count = number(r["first"]), number(r["count"])
    leaves = files["leaves.bin"]
    expect(first == m["first"] and count == m["count"] and first + count <= size, "range.json: another range")
    expect(len(leaves) == 32 * count, "leaves.bin: another length")
    known = {(first + i, 1): leaves[32 * i : 32 * i + 32] for i in range(count)}
    for sides, hashes in ((subtrees(0, first), r["left"]), (subtrees(first + count, size), r["right"])):
        sides = list(sides)
        expect(isinstance(hashes, list) and len(hashes) == len(sides), "range.json: other hashes")
        for part, text in zip(sides, hashes):
            expect(isinstance(text, str) and len(text) == 64 and set(text) <= set("0123456789abcdef"), "range.json: no hash")
            known[part] = bytes.fromhex(text)
    expect(root_of(0, size, known) == root, "the entries don't give the root")
    # The entries.
    text = text_of(files["entries.jsonl"], "entries.jsonl")
    expect(text == "" or text.endswith("\n"), "entries.jsonl: the last line is cut")
    lines = [read_line(line) for line in text.split("\n")[:-1]]
    numbers = [line["read"]["seq"] for line in lines]
    expect(numbers == sorted(set(numbers)), "entries.jsonl: out of order")
    for line in lines:
        expect(first <= line["read"]["seq"] < first + count, "entries.jsonl: outside the range")
        expect(known[line["read"]["seq"], 1] == line["hash"], f"entry {line['read']['seq']} is not the one in the tree")
    check_lines(lines, m)
    for name in SHEETS:
        expect(sheet(name, lines, m["csv"]) == files[name], f"{name} does not follow from the entries")
    return m


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "claims":
        for line in sys.stdin:
            try:
                verify(arguments[1], base64.b64decode(line))
                print("ok")
            except Bad as reason:
                print(f"bad {reason}")
        return 0
    if len(arguments) == 2:
        with open(arguments[1], "rb") as file:
            data = file.read()
        try:
            m = verify(arguments[0], data)
        except Bad as reason:
            print(f"NOT VERIFIED: {reason}")
            return 1
        print(f"Verified: {m['client']}, {m['from']} .. {m['to']}, tree of {m['tree_size']} entries, "
              f"{m['opened']} opened, {m['masked']} masked")
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
