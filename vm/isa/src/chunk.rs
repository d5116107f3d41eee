//! Functions as bytes: what `string.dump` gives and `load` takes back.
//!
//! All numbers are little-endian. The header names the instruction table by its
//! hash, so a chunk is never run by a machine that reads its words differently.

use std::sync::Arc;

use crate::{
    op::table_hash,
    pace::{Interrupted, Pace},
    proto::{Const, LocalVar, NamedConst, Proto, UpvalueDesc},
    verify::{Fault, MAX_DEPTH, Verified, VerifyError},
};
use std::fmt;

/// What every chunk begins with.
pub const MAGIC: &[u8] = b"\x1bPerilune";

/// The version of the layout of functions.
pub const VERSION: u8 = 3;

/// Why bytes are not a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkError {
    /// The bytes do not begin as a chunk does.
    Magic,
    /// The chunk has another layout version.
    Version(u8),
    /// The chunk was made for another instruction table.
    Table,
    /// The bytes end too early.
    Truncated,
    /// Bytes follow the end of the chunk.
    Trailing,
    /// A tag or truth value is not one of those known.
    Tag(u8),
    /// Functions are nested too deeply.
    TooDeep,
    /// The functions are well written but not valid.
    Invalid(VerifyError),
    /// The caller did not want to go on.
    Interrupted,
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChunkError::Magic => write!(f, "not a precompiled chunk of Perilune"),
            ChunkError::Version(version) => write!(f, "chunk version {version} is not {VERSION}"),
            ChunkError::Table => write!(f, "chunk was made for another instruction table"),
            ChunkError::Truncated => write!(f, "truncated precompiled chunk"),
            ChunkError::Trailing => write!(f, "bytes after the end of the chunk"),
            ChunkError::Tag(tag) => write!(f, "unknown tag {tag} in chunk"),
            ChunkError::TooDeep => write!(f, "functions are nested too deeply"),
            ChunkError::Invalid(error) => write!(f, "invalid chunk: {error}"),
            ChunkError::Interrupted => write!(f, "interrupted"),
        }
    }
}

impl std::error::Error for ChunkError {}

impl From<VerifyError> for ChunkError {
    fn from(error: VerifyError) -> ChunkError {
        match error.fault {
            Fault::Interrupted => ChunkError::Interrupted,
            _ => ChunkError::Invalid(error),
        }
    }
}

impl From<Interrupted> for ChunkError {
    fn from(_: Interrupted) -> ChunkError {
        ChunkError::Interrupted
    }
}

/// Writes a function and all inside it. With `strip` the lines, the names of
/// locals and upvalues, and the source are left out.
pub fn encode_chunk(proto: &Proto, strip: bool) -> Vec<u8> {
    encode_chunk_while(proto, strip, &mut |_| true).unwrap_or_default()
}

/// As [`encode_chunk`]. `keep_going` is told now and then how many items were dealt with, and says whether to go on;
/// `None` when it did not.
pub fn encode_chunk_while(proto: &Proto, strip: bool, keep_going: &mut dyn FnMut(usize) -> bool) -> Option<Vec<u8>> {
    let mut writer = Writer { bytes: MAGIC.to_vec(), strip, pace: Pace::new(keep_going) };
    writer.u8(VERSION);
    writer.bytes.extend_from_slice(&table_hash().to_le_bytes());
    writer.proto(proto, None).ok()?;
    Some(writer.bytes)
}

/// Reads what `encode_chunk` wrote and verifies it.
pub fn decode_chunk(bytes: &[u8]) -> Result<Verified, ChunkError> {
    decode_chunk_while(bytes, &mut |_| true)
}

/// As [`decode_chunk`]. `keep_going` is told now and then how many items or instructions were dealt with,
/// and says whether to go on.
pub fn decode_chunk_while(
    bytes: &[u8],
    keep_going: &mut dyn FnMut(usize) -> bool,
) -> Result<Verified, ChunkError> {
    let begun = MAGIC.starts_with(bytes);
    let rest = bytes.strip_prefix(MAGIC).ok_or(if begun { ChunkError::Truncated } else { ChunkError::Magic })?;
    let mut reader = Reader { rest, pace: Pace::new(keep_going) };
    let version = reader.u8()?;
    if version != VERSION {
        return Err(ChunkError::Version(version));
    }
    if reader.u64()? != table_hash() {
        return Err(ChunkError::Table);
    }
    let proto = reader.proto(0, None)?;
    if !reader.rest.is_empty() {
        return Err(ChunkError::Trailing);
    }
    Ok(Verified::new_while(proto, &mut reader.pace)?)
}

mod tag {
    pub(super) const NIL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const FLOAT: u8 = 4;
    pub(super) const STR: u8 = 5;
}

struct Writer<'p> {
    bytes: Vec<u8>,
    strip: bool,
    pace: Pace<'p>,
}

impl Writer<'_> {
    fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.u32(count as u32);
    }

    fn string(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    fn debug_string(&mut self, bytes: &[u8], stripped: &[u8]) {
        let kept = if self.strip { stripped } else { bytes };
        self.string(kept);
    }

    fn words(&mut self, words: &[u32]) {
        self.count(words.len());
        words.iter().for_each(|&word| self.u32(word));
    }

    /// A source is written once, not in every function that comes from it.
    fn proto(&mut self, proto: &Proto, outer: Option<&Proto>) -> Result<(), Interrupted> {
        let same = outer.is_some_and(|outer| Arc::ptr_eq(&outer.source, &proto.source));
        self.u8(u8::from(same));
        if !same {
            self.debug_string(&proto.source, b"=?");
        }
        self.string(&proto.name);
        self.u32(proto.line_defined);
        self.u32(proto.last_line);
        self.u32(proto.span.0);
        self.u32(proto.span.1);
        self.u8(proto.params);
        self.u8(u8::from(proto.is_vararg));
        self.u8(proto.max_stack);
        self.u32(u32::from(proto.caches));
        self.words(&proto.code);
        self.words(if self.strip { &[] } else { &proto.lines });
        self.count(proto.constants.len());
        for constant in &proto.constants {
            self.constant(constant);
            self.pace.step()?;
        }
        self.count(proto.upvalues.len());
        proto.upvalues.iter().for_each(|up| self.upvalue(up));
        let locals: &[LocalVar] = if self.strip { &[] } else { &proto.locals };
        self.count(locals.len());
        for local in locals {
            self.local(local);
            self.pace.step()?;
        }
        let named: &[NamedConst] = if self.strip { &[] } else { &proto.named };
        self.count(named.len());
        named.iter().for_each(|constant| self.named(constant));
        self.count(proto.children.len());
        self.pace.steps(proto.code.len() / 8)?;
        proto.children.iter().try_for_each(|child| self.proto(child, Some(proto)))
    }

    fn constant(&mut self, constant: &Const) {
        match constant {
            Const::Nil => self.u8(tag::NIL),
            Const::False => self.u8(tag::FALSE),
            Const::True => self.u8(tag::TRUE),
            Const::Int(value) => {
                self.u8(tag::INT);
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
            Const::Float(value) => {
                self.u8(tag::FLOAT);
                self.bytes.extend_from_slice(&value.to_bits().to_le_bytes());
            }
            Const::Str(bytes) => {
                self.u8(tag::STR);
                self.string(bytes);
            }
        }
    }

    fn upvalue(&mut self, up: &UpvalueDesc) {
        self.debug_string(&up.name, b"");
        self.u8(u8::from(up.in_stack));
        self.u8(up.index);
        self.u8(u8::from(up.is_const));
    }

    fn local(&mut self, local: &LocalVar) {
        self.string(&local.name);
        self.u8(local.register);
        self.u32(local.start_pc);
        self.u32(local.end_pc);
    }

    fn named(&mut self, constant: &NamedConst) {
        self.string(&constant.name);
        self.constant(&constant.value);
        self.u8(u8::from(constant.is_outer));
        self.u32(constant.start_pc);
        self.u32(constant.end_pc);
    }
}

struct Reader<'a, 'p> {
    rest: &'a [u8],
    pace: Pace<'p>,
}

impl<'a> Reader<'a, '_> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ChunkError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(ChunkError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ChunkError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ChunkError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, ChunkError> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, ChunkError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, ChunkError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn flag(&mut self) -> Result<bool, ChunkError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(ChunkError::Tag(other)),
        }
    }

    /// Reads a list. Memory is taken as items are read, never by the count alone,
    /// so a false count costs no more than the bytes that are there.
    fn list<T>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T, ChunkError>,
    ) -> Result<Vec<T>, ChunkError> {
        let count = self.u32()? as usize;
        // Every item is at least one byte long.
        if count > self.rest.len() {
            return Err(ChunkError::Truncated);
        }
        let mut items = Vec::new();
        for _ in 0..count {
            self.pace.step()?;
            items.push(item(self)?);
        }
        items.shrink_to_fit();
        Ok(items)
    }

    fn string(&mut self) -> Result<Arc<[u8]>, ChunkError> {
        let count = self.u32()? as usize;
        Ok(self.take(count)?.into())
    }

    fn proto(&mut self, depth: usize, outer: Option<&Arc<[u8]>>) -> Result<Proto, ChunkError> {
        if depth >= MAX_DEPTH {
            return Err(ChunkError::TooDeep);
        }
        let source = match (self.flag()?, outer) {
            (true, Some(source)) => source.clone(),
            (true, None) => return Err(ChunkError::Truncated),
            (false, _) => self.string()?.into(),
        };
        // Fields are read in the order in which they are written here.
        Ok(Proto {
            name: self.string()?,
            line_defined: self.u32()?,
            last_line: self.u32()?,
            span: (self.u32()?, self.u32()?),
            params: self.u8()?,
            is_vararg: self.flag()?,
            max_stack: self.u8()?,
            caches: u16::try_from(self.u32()?).map_err(|_| ChunkError::Truncated)?,
            code: self.list(Self::u32)?,
            lines: self.list(Self::u32)?,
            constants: self.list(Self::constant)?,
            upvalues: self.list(Self::upvalue)?,
            locals: self.list(Self::local)?,
            named: self.list(Self::named)?,
            children: self.list(|reader| reader.proto(depth + 1, Some(&source)))?,
            source,
        })
    }

    fn constant(&mut self) -> Result<Const, ChunkError> {
        Ok(match self.u8()? {
            tag::NIL => Const::Nil,
            tag::FALSE => Const::False,
            tag::TRUE => Const::True,
            tag::INT => Const::Int(self.u64()? as i64),
            tag::FLOAT => Const::Float(f64::from_bits(self.u64()?)),
            tag::STR => Const::Str(self.string()?),
            other => return Err(ChunkError::Tag(other)),
        })
    }

    fn upvalue(&mut self) -> Result<UpvalueDesc, ChunkError> {
        Ok(UpvalueDesc {
            name: self.string()?,
            in_stack: self.flag()?,
            index: self.u8()?,
            is_const: self.flag()?,
        })
    }

    fn local(&mut self) -> Result<LocalVar, ChunkError> {
        Ok(LocalVar {
            name: self.string()?,
            register: self.u8()?,
            start_pc: self.u32()?,
            end_pc: self.u32()?,
        })
    }

    fn named(&mut self) -> Result<NamedConst, ChunkError> {
        Ok(NamedConst {
            name: self.string()?,
            value: self.constant()?,
            is_outer: self.flag()?,
            start_pc: self.u32()?,
            end_pc: self.u32()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_chunk_comes_back_as_it_went_out() {
        let proto = sample::proto();
        assert_eq!(
            decode_chunk(&encode_chunk(&proto, false))
                .unwrap()
                .into_inner(),
            proto
        );
    }

    #[test]
    fn stripping_leaves_the_program_and_drops_its_names() {
        let proto = sample::proto();
        let bytes = encode_chunk(&proto, true);
        let stripped = decode_chunk(&bytes).unwrap().into_inner();
        assert_eq!(stripped.code, proto.code);
        assert_eq!(stripped.constants, proto.constants);
        assert_eq!(&*stripped.source, b"=?");
        assert!(stripped.lines.is_empty() && stripped.locals.is_empty() && stripped.named.is_empty());
        assert!(
            stripped.children[0]
                .upvalues
                .iter()
                .all(|up| up.name.is_empty())
        );
        assert_eq!(encode_chunk(&stripped, true), bytes);
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = encode_chunk(&sample::proto(), false);
        for end in 0..bytes.len() {
            assert!(decode_chunk(&bytes[..end]).is_err(), "{end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode_chunk(&longer), Err(ChunkError::Trailing));
    }

    #[test]
    fn headers_of_others_are_refused() {
        let mut bytes = encode_chunk(&sample::proto(), false);
        assert_eq!(decode_chunk(b"\x1bLua"), Err(ChunkError::Magic));
        bytes[MAGIC.len() + 1] ^= 1;
        assert_eq!(decode_chunk(&bytes), Err(ChunkError::Table));
        bytes[MAGIC.len()] = 9;
        assert_eq!(decode_chunk(&bytes), Err(ChunkError::Version(9)));
    }

    #[test]
    fn a_false_count_allocates_nothing() {
        let mut bytes = encode_chunk(&Proto::default(), false);
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode_chunk(&bytes), Err(ChunkError::Truncated));
    }

    #[test]
    fn reading_and_checking_ask_whether_to_go_on() {
        let mut proto = sample::proto();
        proto.children.resize(4000, proto.children[0].clone());
        let bytes = encode_chunk(&proto, false);
        let mut asked = 0;
        let whole = decode_chunk_while(&bytes, &mut |_| {
            asked += 1;
            true
        });
        assert!(whole.is_ok() && asked > 10, "{asked}");
        for last in 1..=asked {
            let mut left = last;
            let answer = decode_chunk_while(&bytes, &mut |_| {
                left -= 1;
                left > 0
            });
            assert_eq!(answer, Err(ChunkError::Interrupted), "{last} of {asked}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_while_reading() {
        let mut proto = Proto::default();
        for _ in 0..MAX_DEPTH {
            proto = Proto {
                children: vec![proto],
                ..Proto::default()
            };
        }
        assert_eq!(
            decode_chunk(&encode_chunk(&proto, false)),
            Err(ChunkError::TooDeep)
        );
    }

    /// A xorshift generator, so that a failure can be repeated.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % limit as u64) as usize
        }
    }

    #[test]
    fn mutants_never_panic() {
        let bytes = encode_chunk(&sample::proto(), false);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..30_000 {
            let mut mutant = bytes.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(mutant.len() - 18) + 18;
                mutant[at] = random.below(256) as u8;
            }
            if let Ok(verified) = decode_chunk(&mutant) {
                let text = crate::disassemble(verified.proto());
                let names = (0..verified.proto().code.len())
                    .map(|pc| crate::names::called_name(verified.proto(), pc).is_some());
                assert!(!text.is_empty() && names.count() > 0);
            }
        }
    }
}
