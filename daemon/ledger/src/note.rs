//! Signed notes: a text with signatures under it (C2SP `signed-note`).
//!
//! A note read from outside is only a claim until [`SignedNote::verify`] accepts it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::NoteError;
use crate::key::{SigningKey, VerifierKey, check_name};

/// Largest note that is read, in bytes: room for [`SIGNATURES_MAX`] of the largest signatures
/// in use (ML-DSA, below 5 kB) and a text.
pub const NOTE_MAX_BYTES: usize = 256 * 1024;

/// Most signatures of a note: the format asks for at least 16; a log and its witnesses.
pub const SIGNATURES_MAX: usize = 32;

/// What a signature line begins with.
const SIGNATURE_START: &str = "\u{2014} ";

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key that signed.
    pub name: String,
    /// The id of that key.
    pub id: u32,
    /// The signature itself, in the algorithm of that key.
    pub signature: Vec<u8>,
}

impl NoteSignature {
    /// The line as it stands under a note, with its newline.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend(&self.signature);
        format!("{SIGNATURE_START}{} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// A text and its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Signs a text, which must end with a newline and hold no other control character.
    ///
    /// # Errors
    /// [`NoteError::BadForm`], [`NoteError::ControlCharacter`], [`NoteError::TooLarge`].
    pub fn sign(text: &str, key: &SigningKey) -> Result<Self, NoteError> {
        check_characters(text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::BadForm("the text doesn't end with a newline"));
        }
        let verifier = key.verifier();
        let note = Self {
            text: text.to_owned(),
            signatures: vec![NoteSignature {
                name: verifier.name().to_owned(),
                id: verifier.id(),
                signature: key.sign(text).to_vec(),
            }],
        };
        // What is written must be readable again, limits included.
        Self::parse(note.to_text().as_bytes())
    }

    /// Reads a note without trusting it.
    ///
    /// # Errors
    /// Every spelling but the one that [`SignedNote::to_text`] writes is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_MAX_BYTES {
            return Err(NoteError::TooLarge { bytes: bytes.len() });
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::BadForm("not UTF-8"))?;
        check_characters(note)?;
        let split = note.rfind("\n\n").ok_or(NoteError::BadForm("no blank line before the signatures"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::BadForm("no signature line that ends with a newline"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(parse_signature(line)?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The signed text with its last newline. To be believed only after [`SignedNote::verify`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signatures, verified or not.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The same note with one more signature under it.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`], [`NoteError::TooLarge`].
    pub fn with_signature(&self, signature: NoteSignature) -> Result<Self, NoteError> {
        let text = format!("{}{}", self.to_text(), signature.to_line());
        Self::parse(text.as_bytes())
    }

    /// The note as it is stored and handed on.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("{}\n", self.text);
        for signature in &self.signatures {
            out.push_str(&signature.to_line());
        }
        out
    }

    /// Checks the signatures of all known `keys` and returns those that signed. Signatures of
    /// unknown keys are ignored, as the format demands.
    ///
    /// # Errors
    /// A wrong or repeated signature of a known key spoils the whole note, and so does the lack
    /// of any known key's.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signers = Vec::new();
        for key in keys {
            let mut own = self.signatures.iter().filter(|s| is_by(s, key));
            let Some(signature) = own.next() else {
                continue;
            };
            if own.next().is_some() {
                return Err(NoteError::RepeatedSignature(key.name().to_owned()));
            }
            if !key.verifies(&self.text, &signature.signature) {
                return Err(NoteError::BadSignature(key.name().to_owned()));
            }
            signers.push(key);
        }
        if signers.is_empty() {
            return Err(NoteError::NoKnownSignature);
        }
        Ok(signers)
    }
}

/// Whether a signature line claims to be this key's.
pub(crate) fn is_by(signature: &NoteSignature, key: &VerifierKey) -> bool {
    signature.id == key.id() && signature.name == key.name()
}

fn parse_signature(line: &str) -> Result<NoteSignature, NoteError> {
    let bad_line = || NoteError::BadForm("a signature line is not `\u{2014} name base64`");
    let rest = line.strip_prefix(SIGNATURE_START).ok_or_else(bad_line)?;
    let (name, base64) = rest.split_once(' ').ok_or_else(bad_line)?;
    check_name(name).map_err(|_| NoteError::BadForm("the name of a signature's key is bad"))?;
    let bytes = STANDARD.decode(base64).map_err(|_| NoteError::BadBase64("a signature"))?;
    match bytes.split_first_chunk::<4>() {
        Some((id, signature)) if !signature.is_empty() => {
            Ok(NoteSignature { name: name.to_owned(), id: u32::from_be_bytes(*id), signature: signature.to_vec() })
        }
        _ => Err(NoteError::BadForm("a signature is shorter than 5 bytes")),
    }
}

/// Control characters would let a note show other than it reads.
fn check_characters(note: &str) -> Result<(), NoteError> {
    match note.chars().find(|&c| c < ' ' && c != '\n') {
        Some(c) => Err(NoteError::ControlCharacter(u32::from(c))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
