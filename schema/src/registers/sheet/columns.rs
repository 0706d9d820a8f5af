//! Which columns a row type has, and what their cells hold: asked of its own way of being read.
//!
//! A row is read from nothing by readers that only note what they are asked for. So no list of
//! columns can be forgotten when a key is added.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use crate::period::Day;

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A text, a word of a list, a duration, hours: as in TOML, without quotes.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// Texts with `;` between them.
    List,
    /// A day.
    Day,
    /// Anything else, as JSON.
    Other,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The key, as in TOML.
    pub key: &'static str,
    /// What its cells hold.
    pub shape: Shape,
}

/// The columns of a row type.
pub(super) fn of<'de, T: Deserialize<'de>>() -> Vec<Column> {
    let column = |key| {
        let noted = Cell::new(Shape::Other);
        // It always fails: what matters is what was asked for before.
        let _ = T::deserialize(One { key, noted: &noted });
        Column { key, shape: noted.get() }
    };
    fields::<T>().iter().copied().map(column).collect()
}

/// The keys of a type that is read as a table.
pub(in crate::registers) fn fields<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let noted = RefCell::new(&[][..]);
    let _ = T::deserialize(Fields(&noted));
    noted.into_inner()
}

/// The error with which every look ends.
#[derive(Debug)]
struct Seen;

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seen")
    }
}

impl std::error::Error for Seen {}

impl serde::de::Error for Seen {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Notes the keys that are asked for.
struct Fields<'a>(&'a RefCell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Seen;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Seen> {
        Err(Seen)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Seen> {
        self.0.replace(fields);
        Err(Seen)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A table with one key, whose value is asked what it is.
struct One<'a> {
    key: &'static str,
    noted: &'a Cell<Shape>,
}

impl<'de> Deserializer<'de> for One<'_> {
    type Error = Seen;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Seen> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = Seen;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Seen> {
        seed.deserialize(StrDeserializer::<Seen>::new(self.key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Seen> {
        seed.deserialize(Asked { noted: self.noted, within: None })
    }
}

/// A value that notes as what it is asked for.
struct Asked<'a> {
    noted: &'a Cell<Shape>,
    /// The list it stands in.
    within: Option<()>,
}

impl Asked<'_> {
    fn note<T>(&self, shape: Shape) -> Result<T, Seen> {
        self.noted.set(match (self.within, shape) {
            (None, shape) => shape,
            (Some(()), Shape::Text) => Shape::List,
            (Some(()), _) => Shape::Other,
        });
        Err(Seen::custom(""))
    }
}

macro_rules! note {
    ($($method:ident $shape:ident),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Seen> {
            self.note(Shape::$shape)
        })*
    };
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Seen;

    note! {
        deserialize_any Other, deserialize_bool Flag, deserialize_i8 Number, deserialize_i16 Number,
        deserialize_i32 Number, deserialize_i64 Number, deserialize_u8 Number, deserialize_u16 Number,
        deserialize_u32 Number, deserialize_u64 Number, deserialize_char Text, deserialize_str Text,
        deserialize_string Text,
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Seen> {
        self.note(Shape::Text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Seen> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Seen> {
        if name == Day::SHAPE {
            return self.note(Shape::Day);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Seen> {
        if self.within.is_some() {
            return self.note(Shape::Other);
        }
        visitor.visit_seq(self)
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for Asked<'_> {
    type Error = Seen;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Seen> {
        seed.deserialize(Asked { noted: self.noted, within: Some(()) }).map(Some)
    }
}
