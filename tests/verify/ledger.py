#!/usr/bin/env python3
"""A second reader of kukaku's journal formats, written from schema/README.md and the RFCs.

It shares no code and no algorithm with the Rust crate `kukaku-ledger`: trees and proofs are
checked by their recursive definitions (RFC 6962 section 2.1), signatures by openssl. Only
Python's standard library is used, so that anybody can run it:

    python3 tests/verify/ledger.py vectors schema/vectors    checks the published vectors
    python3 tests/verify/ledger.py claims < LINES            answers each line: ok, or bad REASON

A claim is one of these, in fields separated by one space; hashes in hex, an empty proof as "-":

    leaf BYTES
    inclusion LEAFHASH INDEX SIZE ROOT PROOF,PROOF,...
    consistency OLD OLDROOT NEW NEWROOT PROOF,PROOF,...
    checkpoint VERIFIERKEY NOTEBYTES
    cosignature WITNESSKEY NOTEBYTES

Exit code: 0 if everything was answered (claims) or is right (vectors), 1 if a vector is wrong,
2 if it was called wrongly.
"""

import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import unicodedata

TEXT_MAX_BYTES = 1024
KEY_NAME_MAX_BYTES = 256
NOTE_MAX_BYTES = 256 * 1024
SIGNATURES_MAX = 32
MAX_TREE_SIZE = 2**63 - 1

# What stands before the 32 bytes of an Ed25519 public key in its usual form (RFC 8410 section 4).
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")


class Bad(Exception):
    """The claim is false, or isn't written in the only way it may be."""


def expect(condition, reason):
    if not condition:
        raise Bad(reason)


# --- hashes -----------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(data):
    return sha256(b"\x00" + data)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def commitment(salt, name, value):
    expect(len(salt) == 32, "salt isn't 32 bytes")
    parts = (name.encode(), value)
    return sha256(salt + b"".join(len(p).to_bytes(4, "big") + p for p in parts))


# --- tree and proofs: RFC 6962 section 2.1, by recursion -----------------------------------------


def split(size):
    """The largest power of two below size."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def tree_root(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(tree_root(leaves[:k]), tree_root(leaves[k:]))


def root_of_path(leaf, index, size, proof):
    if size == 1:
        expect(not proof, "proof too long")
        return leaf
    expect(proof, "proof too short")
    k = split(size)
    if index < k:
        return node_hash(root_of_path(leaf, index, k, proof[:-1]), proof[-1])
    return node_hash(proof[-1], root_of_path(leaf, index - k, size - k, proof[:-1]))


def roots_of_subproof(old, new, proof, old_root, whole):
    """The roots (of the old, of the new tree) that the proof leads to."""
    if old == new:
        if whole:
            expect(not proof, "proof too long")
            return old_root, old_root
        expect(len(proof) == 1, "proof of the wrong length")
        return proof[0], proof[0]
    expect(proof, "proof too short")
    k, last, rest = split(new), proof[-1], proof[:-1]
    if old <= k:
        a, b = roots_of_subproof(old, k, rest, old_root, whole)
        return a, node_hash(b, last)
    a, b = roots_of_subproof(old - k, new - k, rest, old_root, False)
    return node_hash(last, a), node_hash(last, b)


def check_inclusion(leaf, index, size, root, proof):
    expect(size <= MAX_TREE_SIZE, "tree too large")
    expect(index < size, "leaf outside the tree")
    expect(root_of_path(leaf, index, size, proof) == root, "other root")


def check_consistency(old, old_root, new, new_root, proof):
    expect(new <= MAX_TREE_SIZE, "tree too large")
    expect(old <= new, "tree shrunk")
    if old == 0:
        expect(not proof, "proof too long")
        expect(old_root == sha256(b""), "other root")
        return
    a, b = roots_of_subproof(old, new, proof, old_root, True)
    expect(a == old_root and b == new_root, "other root")


# --- leaf bytes -----------------------------------------------------------------------------------


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        expect(self.at + count <= len(self.data), "cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, count, signed=False):
        return int.from_bytes(self.take(count), "big", signed=signed)

    def text(self):
        length = self.number(2)
        expect(length <= TEXT_MAX_BYTES, "text too long")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise Bad("text isn't UTF-8") from None


def read_leaf(data):
    r = Reader(data)
    expect(r.number(1) == 1, "unknown version")
    leaf = {"seq": r.number(8), "kind": r.text(), "source": r.text(), "client": r.text()}
    expect(leaf["kind"], "no kind")
    leaf["client_seq"] = r.number(8)
    leaf["source_seq"] = r.number(8)
    leaf["recorded_at"] = r.number(8, signed=True)
    present = r.number(1)
    expect(present in (0, 1), "bad flag")
    leaf["device_time"] = r.number(8, signed=True) if present else None
    leaf["clock"] = r.number(1)
    expect(leaf["clock"] in (0, 1, 2), "bad clock state")
    leaf["commitment"] = r.take(32).hex()
    expect(r.at == len(data), "trailing bytes")
    return leaf


# --- notes and checkpoints: C2SP signed-note and tlog-checkpoint ------------------------------------


def strict_base64(text):
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Bad("not base64") from None
    expect(base64.b64encode(data).decode() == text, "base64 isn't canonical")
    return data


def check_name(name):
    expect(name and len(name.encode()) <= KEY_NAME_MAX_BYTES, "bad key name")
    for c in name:
        expect(c != "+" and unicodedata.category(c) not in ("Cc", "Zs", "Zl", "Zp"), "bad key name")


def read_verifier_key(text, algorithm=1):
    parts = text.split("+", 2)
    expect(len(parts) == 3, "not a verifier key")
    name, key_id, key = parts[0], parts[1], strict_base64(parts[2])
    check_name(name)
    expect(len(key) == 33 and key[0] == algorithm, "not a key of that use")
    own_id = sha256(name.encode() + b"\n" + key)[:4]
    expect(key_id == own_id.hex(), "key id doesn't fit")
    return name, own_id, key[1:]


def openssl_verifies(public, text, signature):
    pem = base64.encodebytes(SPKI_ED25519 + public).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{pem}-----END PUBLIC KEY-----\n"
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, data in (("key", pem.encode()), ("text", text), ("sig", signature)):
            paths[name] = os.path.join(folder, name)
            with open(paths[name], "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", paths["key"], "-rawin"]
        command += ["-in", paths["text"], "-sigfile", paths["sig"]]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def read_note(note):
    """Its text and its signatures: (name, id, signature)."""
    expect(len(note) <= NOTE_MAX_BYTES, "note too large")
    try:
        text = note.decode()
    except UnicodeDecodeError:
        raise Bad("note isn't UTF-8") from None
    expect(not any(c < " " and c != "\n" for c in text), "control character")
    at = text.rfind("\n\n")
    expect(at >= 0, "no blank line")
    body, lines = text[: at + 1], text[at + 2 :]
    expect(lines.endswith("\n"), "last line isn't ended")
    signatures = []
    for line in lines[:-1].split("\n"):
        parts = line.split(" ")
        expect(len(parts) == 3 and parts[0] == "\u2014", "not a signature line")
        check_name(parts[1])
        blob = strict_base64(parts[2])
        expect(len(blob) > 4, "signature too short")
        signatures.append((parts[1], blob[:4], blob[4:]))
    expect(len(signatures) <= SIGNATURES_MAX, "too many signatures")
    return body, signatures


def check_cosignature(witness_key, note):
    """When the witness cosigned, in seconds since 1970 (C2SP tlog-cosignature)."""
    name, key_id, public = read_verifier_key(witness_key, 4)
    body, signatures = read_note(note)
    own = [s for n, i, s in signatures if (n, i) == (name, key_id)]
    expect(len(own) == 1, "not one cosignature by the witness")
    expect(len(own[0]) == 72, "cosignature isn't 72 bytes")
    time = int.from_bytes(own[0][:8], "big")
    message = f"cosignature/v1\ntime {time}\n{body}".encode()
    expect(openssl_verifies(public, message, own[0][8:]), "cosignature doesn't verify")
    return time


def check_checkpoint(verifier_key, note):
    name, key_id, public = read_verifier_key(verifier_key)
    body, signatures = read_note(note)
    own = [s for n, i, s in signatures if (n, i) == (name, key_id)]
    expect(len(own) == 1, "not one signature by the key")
    three = body.split("\n")
    expect(len(three) == 4 and three[3] == "" and three[0], "not three lines")
    expect(three[0] == name, "origin of another log")
    size = three[1]
    expect(size.isascii() and size.isdigit() and size[0] != "0", "bad size")
    expect(int(size) <= MAX_TREE_SIZE, "bad size")
    root = strict_base64(three[2])
    expect(len(root) == 32, "root isn't 32 bytes")
    expect(len(own[0]) == 64, "signature isn't 64 bytes")
    expect(openssl_verifies(public, body.encode(), own[0]), "signature doesn't verify")
    return name, int(size), root


# --- claims -------------------------------------------------------------------------------------


def hash_of(text):
    data = bytes.fromhex(text)
    expect(len(data) == 32, "not a hash")
    return data


def proof_of(text):
    return [] if text == "-" else [hash_of(part) for part in text.split(",")]


def judge(line):
    sort, *f = line.rstrip("\n").split(" ")
    if sort == "leaf":
        read_leaf(bytes.fromhex(f[0]))
    elif sort == "inclusion":
        check_inclusion(hash_of(f[0]), int(f[1]), int(f[2]), hash_of(f[3]), proof_of(f[4]))
    elif sort == "consistency":
        check_consistency(int(f[0]), hash_of(f[1]), int(f[2]), hash_of(f[3]), proof_of(f[4]))
    elif sort == "checkpoint":
        check_checkpoint(f[0], bytes.fromhex(f[1]))
    elif sort == "cosignature":
        check_cosignature(f[0], bytes.fromhex(f[1]))
    else:
        sys.exit(f"claim of unknown sort {sort!r}")


def answer_claims():
    for line in sys.stdin:
        try:
            judge(line)
            print("ok")
        except Bad as reason:
            print(f"bad {reason}")


# --- vectors --------------------------------------------------------------------------------------


def rows(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.startswith("#"):
                yield f"{name}:{number}", line.rstrip("\n").split("\t")


def check_vectors(folder):
    checked = 0
    for where, (salt, name, value, expected) in rows(folder, "commitment-v1.tsv"):
        found = commitment(bytes.fromhex(salt), name, bytes.fromhex(value)).hex()
        expect(found == expected, f"{where}: other commitment")
        checked += 1
    fields = "seq kind source client client_seq source_seq recorded_at device_time clock commitment"
    for where, row in rows(folder, "leaf-v1.tsv"):
        leaf = read_leaf(bytes.fromhex(row[10]))
        found = ["" if leaf[f] is None else str(leaf[f]) for f in fields.split()]
        expect(found == row[:10], f"{where}: other fields: {found}")
        expect(leaf_hash(bytes.fromhex(row[10])).hex() == row[11], f"{where}: other hash")
        checked += 1
    leaves = []
    for where, (data, root) in rows(folder, "tree-v1.tsv"):
        leaves.append(leaf_hash(bytes.fromhex(data)))
        expect(tree_root(leaves).hex() == root, f"{where}: other root")
        checked += 1
    for where, row in rows(folder, "proof-v1.tsv"):
        try:
            judge(" ".join(row))
        except Bad as reason:
            raise Bad(f"{where}: {reason}") from None
        checked += 1
    with open(os.path.join(folder, "checkpoint-v1.vkey"), encoding="utf-8") as file:
        verifier_key = file.read().rstrip("\n")
    with open(os.path.join(folder, "checkpoint-v1.note"), "rb") as file:
        _, size, root = check_checkpoint(verifier_key, file.read())
    expect(root == tree_root(leaves[:size]), "checkpoint-v1.note: other root than tree-v1.tsv")
    with open(os.path.join(folder, "cosignature-v1.vkey"), encoding="utf-8") as file:
        witness_key = file.read().rstrip("\n")
    with open(os.path.join(folder, "cosignature-v1.note"), "rb") as file:
        cosigned = file.read()
    expect(check_cosignature(witness_key, cosigned) == 1700000000, "cosignature-v1.note: other time")
    check_checkpoint(verifier_key, cosigned)
    return checked + 2


def main(arguments):
    if arguments == ["claims"]:
        answer_claims()
        return 0
    if len(arguments) == 2 and arguments[0] == "vectors":
        try:
            print(f"{check_vectors(arguments[1])} vectors are right")
            return 0
        except Bad as reason:
            print(reason, file=sys.stderr)
            return 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
