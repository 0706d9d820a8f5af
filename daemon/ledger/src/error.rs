//! What can be wrong with a leaf, a proof, a key or a note.

use thiserror::Error;

use crate::hash::Hash;
use crate::tree::NodeId;

/// Why bytes are not a leaf, or a leaf has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LeafError {
    /// A version this program doesn't know.
    #[error("read leaf: version {0}, this program reads version 1; use a newer kukaku")]
    UnknownVersion(u8),
    /// The bytes end inside a field.
    #[error("read leaf: the bytes end inside field `{field}`")]
    CutShort {
        /// The field.
        field: &'static str,
    },
    /// Bytes follow the last field.
    #[error("read leaf: {0} bytes follow the last field")]
    TrailingBytes(usize),
    /// A text is not UTF-8.
    #[error("read leaf: field `{field}` is not UTF-8")]
    NotUtf8 {
        /// The field.
        field: &'static str,
    },
    /// A text is longer than a leaf may hold.
    #[error("leaf field `{field}`: {bytes} bytes, at most {max} are allowed")]
    TextTooLong {
        /// The field.
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        max: usize,
    },
    /// A leaf without a kind.
    #[error("leaf field `kind` is empty; every leaf has a kind")]
    NoKind,
    /// A byte that has a closed list of values holds another.
    #[error("read leaf: field `{field}` holds {value}, which has no meaning in version 1")]
    BadByte {
        /// The field.
        field: &'static str,
        /// The value found.
        value: u8,
    },
}

/// Why a proof could not be made, or does not prove.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The leaf asked for lies outside the tree.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    OutsideTree {
        /// Index of the leaf, from 0.
        index: u64,
        /// Number of leaves.
        size: u64,
    },
    /// The tree is larger than any signed head can be.
    #[error("a tree of {size} leaves is larger than {max}, the largest that is signed", max = crate::tree::MAX_TREE_SIZE)]
    TooLarge {
        /// Number of leaves.
        size: u64,
    },
    /// The older tree is larger than the newer.
    #[error("a tree of {old} leaves can't be the beginning of one of {new}")]
    Shrunk {
        /// Leaves of the older tree.
        old: u64,
        /// Leaves of the newer tree.
        new: u64,
    },
    /// The store lacks a node that the tree needs.
    #[error(
        "node {index} at level {level} is missing from the store; restore it or verify the journal",
        level = .0.level, index = .0.index
    )]
    MissingNode(NodeId),
    /// The number of stored peaks does not fit the size.
    #[error("a tree of {size} leaves has {expected} peaks, {found} were given")]
    PeakCount {
        /// Number of leaves.
        size: u64,
        /// Peaks it must have.
        expected: usize,
        /// Peaks given.
        found: usize,
    },
    /// The proof has too many or too few hashes for the sizes it speaks of.
    #[error("the proof has {found} hashes, which is not the number that these sizes need")]
    WrongLength {
        /// Hashes given.
        found: usize,
    },
    /// The proof leads to another root.
    #[error("the proof leads to root {computed}, not to {expected}: the records were changed")]
    RootMismatch {
        /// The root that was to be proven.
        expected: Hash,
        /// The root that the proof leads to.
        computed: Hash,
    },
}

/// Why a key text was refused. It never repeats the text, which may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The name is empty, too long, or holds a space, `+` or a control character.
    #[error("key name: must be 1 to {max} bytes without spaces, `+` and control characters", max = crate::key::KEY_NAME_MAX_BYTES)]
    BadName,
    /// Not of the form `name+id+key`.
    #[error("key text: expected `{expected}`")]
    BadForm {
        /// The form expected.
        expected: &'static str,
    },
    /// A key of another use or algorithm than wanted.
    #[error("key text: algorithm {0:#04x}; a site's key has 0x01 (Ed25519), a witness's 0x04 (cosignature)")]
    UnknownAlgorithm(u8),
    /// The bytes are no Ed25519 key, or one under which everything verifies.
    #[error("key text: the bytes are not a usable Ed25519 key")]
    BadKey,
    /// The id does not belong to name and key.
    #[error("key text: the id is {found:08x}, name and key give {expected:08x}; was the text retyped?")]
    WrongId {
        /// The id in the text.
        found: u32,
        /// The id that name and key give.
        expected: u32,
    },
}

/// Why a text is not a valid signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoteError {
    /// Larger than the limit.
    #[error("note of {bytes} bytes: at most {max} are read", max = crate::note::NOTE_MAX_BYTES)]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// More signatures than the limit.
    #[error("note: more than {max} signatures", max = crate::note::SIGNATURES_MAX)]
    TooManySignatures,
    /// Not a signed note at all.
    #[error("note: {0}")]
    BadForm(&'static str),
    /// A control character.
    #[error("note: holds the control character U+{0:04X}")]
    ControlCharacter(u32),
    /// Base64 that is not the only spelling of its bytes.
    #[error("note: {0} is not canonical base64")]
    BadBase64(&'static str),
    /// A known key signed twice.
    #[error("note: two signatures by `{0}`")]
    RepeatedSignature(String),
    /// A known key's signature is wrong.
    #[error("note: the signature by `{0}` does not verify: the text was changed, or the key is another's")]
    BadSignature(String),
    /// Only a key that wasn't in force for a tree of this size signed.
    #[error(
        "checkpoint of {size} leaves: signed by `{name}` with a key that is not in force at that size; was it rotated?"
    )]
    KeyOutOfTerm {
        /// The key's name.
        name: String,
        /// Leaves that the checkpoint speaks of.
        size: u64,
    },
    /// No known key signed.
    #[error("note: no signature by a known key")]
    NoKnownSignature,
    /// The origin is another log's than the key's.
    #[error("checkpoint: origin `{origin}`, but signed by `{signer}`")]
    WrongOrigin {
        /// The origin found.
        origin: String,
        /// The name of the key that signed.
        signer: String,
    },
    /// The size is not a plain decimal number in range.
    #[error("checkpoint: the size `{0}` is not a decimal number from 1 to {max} without leading zeros", max = crate::tree::MAX_TREE_SIZE)]
    BadSize(String),
    /// Not the three lines of a checkpoint.
    #[error("checkpoint: {0}")]
    BadBody(&'static str),
}

/// Why the signer refuses a head. Each but the first is evidence that the journal was rolled
/// back or rewritten; going on would make the signer an accomplice.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignRefusal {
    /// Nothing to sign.
    #[error("sign checkpoint: the journal is empty")]
    Empty,
    /// Fewer leaves than were signed before.
    #[error(
        "sign checkpoint: the journal has {size} leaves, {signed} were signed before; it was rolled back: restore the newer journal"
    )]
    Smaller {
        /// Leaves now.
        size: u64,
        /// Leaves signed before.
        signed: u64,
    },
    /// The same leaves in number, not in content.
    #[error("sign checkpoint: the journal of {size} leaves has root {root}, {signed} was signed; it was rewritten")]
    OtherRoot {
        /// Leaves.
        size: u64,
        /// The root now.
        root: Hash,
        /// The root signed before.
        signed: Hash,
    },
    /// The signed head is not the beginning of this one.
    #[error("sign checkpoint: the journal does not continue the last signed head: {0}")]
    Inconsistent(#[from] ProofError),
}

/// Why groups that were heard or typed are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AloudError {
    /// A character that stands in no group.
    #[error("{0:?} is no symbol of these groups")]
    Symbol(char),
    /// Characters are missing, or too many.
    #[error("{found} characters were given instead of {expected}")]
    Length {
        /// How many there are.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// The check symbol of a group, counted from 1, doesn't fit.
    #[error("group {0} was misheard or mistyped")]
    Group(usize),
}

/// Why a typed paper is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PaperError {
    /// A line is missing, or says nothing that can be.
    #[error("the line {0} is missing or wrong")]
    Missing(&'static str),
    /// The check at the end of a line, counted from 1, doesn't fit.
    #[error("line {0} was misread or mistyped")]
    Line(usize),
    /// The groups of the root.
    #[error("the root: {0}")]
    Root(#[from] AloudError),
}
