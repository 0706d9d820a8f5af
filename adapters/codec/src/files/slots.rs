//! The texts of one row, by slot.

/// A stretch of a row's text, or none.
pub(crate) type Range = (u32, u32);

/// The range of a slot that the row does not have.
pub(crate) const ABSENT: Range = (u32::MAX, u32::MAX);

/// The texts of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots<'a> {
    /// What the ranges lie in.
    pub(crate) text: &'a str,
    /// Where each slot's text is.
    pub(crate) ranges: &'a [Range],
    /// Every byte of the text is printable ASCII.
    pub(crate) plain: bool,
}

impl<'a> Slots<'a> {
    /// A slot's text without the blanks around it; empty where the row does not have it.
    #[inline]
    pub(crate) fn get(&self, slot: usize) -> &'a str {
        match self.ranges.get(slot) {
            Some(&(start, end)) if start != ABSENT.0 => trim(&self.text[start as usize..end as usize]),
            _ => "",
        }
    }
}

/// Without the blanks around it, full-width ones too.
#[inline]
fn trim(text: &str) -> &str {
    let visible = |b: &u8| (0x21..0x80).contains(b);
    match text.as_bytes() {
        [] => text,
        [first, .., last] if visible(first) && visible(last) => text,
        _ => text.trim(),
    }
}

/// Where a field's text is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece<'x> {
    /// In the row or in the mapping.
    Text(&'x str),
    /// In the scratch text, which other fields may still be added to.
    Scratch(u32, u32),
}

impl<'x> Piece<'x> {
    /// Nothing.
    pub(crate) const EMPTY: Self = Self::Text("");

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Scratch(start, end) => start == end,
        }
    }

    #[inline]
    pub(crate) fn get<'y>(&self, scratch: &'y str) -> &'y str
    where
        'x: 'y,
    {
        match *self {
            Self::Text(text) => text,
            Self::Scratch(start, end) => &scratch[start as usize..end as usize],
        }
    }
}
