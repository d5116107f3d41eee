//! `pack`, `packsize` and `unpack`: values as the bytes of C structures.

use perilune_vm::{Buffer, Ctx, Error, Next};

use super::{start_position, text};

/// The widest integer format.
const INT_SIZE_MAX: usize = 16;
/// The widest Lua integer, and the alignment of the machine.
const WORD: usize = 8;
/// The largest size `packsize` answers, as PUC Lua's `INT_MAX`.
const TOTAL_MAX: usize = i32::MAX as usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Uint,
    Float,
    Double,
    Chars,
    Counted,
    ZeroEnded,
    Padding,
    Align,
    Nothing,
}

/// One option of a format with its place in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    kind: Kind,
    size: usize,
    /// Padding in front of it.
    padding: usize,
}

/// Why a format is wrong.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Format(Vec<u8>),
    Argument(&'static str),
}

fn wrong<T>(message: impl AsRef<[u8]>) -> Result<T, Wrong> {
    Err(Wrong::Format(message.as_ref().to_vec()))
}

/// Reads a format option by option.
struct Reader<'a> {
    rest: &'a [u8],
    is_little: bool,
    align_max: usize,
}

impl<'a> Reader<'a> {
    fn new(format: &'a [u8]) -> Reader<'a> {
        Reader { rest: format, is_little: cfg!(target_endian = "little"), align_max: 1 }
    }

    /// The next option, for a result that has `total` bytes so far.
    fn next(&mut self, total: usize) -> Result<Option<Item>, Wrong> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (kind, size) = self.option()?;
        let align = if kind == Kind::Align { self.following_alignment()? } else { size };
        let padding = if kind == Kind::Chars { 0 } else { self.padding(align, total)? };
        Ok(Some(Item { kind, size, padding }))
    }

    fn following_alignment(&mut self) -> Result<usize, Wrong> {
        let invalid = Wrong::Argument("invalid next option for option 'X'");
        if matches!(self.rest.first(), None | Some(0)) {
            return Err(invalid);
        }
        match self.option()? {
            (Kind::Chars, _) | (_, 0) => Err(invalid),
            (_, size) => Ok(size),
        }
    }

    fn padding(&self, align: usize, total: usize) -> Result<usize, Wrong> {
        let align = align.min(self.align_max);
        if align <= 1 {
            return Ok(0);
        }
        if !align.is_power_of_two() {
            return Err(Wrong::Argument("format asks for alignment not power of 2"));
        }
        Ok(total.wrapping_neg() & (align - 1))
    }

    fn option(&mut self) -> Result<(Kind, usize), Wrong> {
        let Some((&letter, rest)) = self.rest.split_first() else { return Ok((Kind::Nothing, 0)) };
        self.rest = rest;
        Ok(match letter {
            b'b' => (Kind::Int, 1),
            b'B' => (Kind::Uint, 1),
            b'h' => (Kind::Int, 2),
            b'H' => (Kind::Uint, 2),
            b'i' => (Kind::Int, self.int_size(4)?),
            b'I' => (Kind::Uint, self.int_size(4)?),
            b'l' | b'j' => (Kind::Int, 8),
            b'L' | b'J' | b'T' => (Kind::Uint, 8),
            b'f' => (Kind::Float, 4),
            b'd' | b'n' => (Kind::Double, 8),
            b's' => (Kind::Counted, self.int_size(8)?),
            b'c' => match self.number() {
                Some(size) => (Kind::Chars, size),
                None => return wrong("missing size for format option 'c'"),
            },
            b'z' => (Kind::ZeroEnded, 0),
            b'x' => (Kind::Padding, 1),
            b'X' => (Kind::Align, 0),
            _ => {
                self.set(letter)?;
                (Kind::Nothing, 0)
            }
        })
    }

    /// The options that only change how others are read.
    fn set(&mut self, letter: u8) -> Result<(), Wrong> {
        match letter {
            b' ' => {}
            b'<' => self.is_little = true,
            b'>' => self.is_little = false,
            b'=' => self.is_little = cfg!(target_endian = "little"),
            b'!' => self.align_max = self.int_size(WORD)?,
            _ => return wrong([b"invalid format option '".as_slice(), &[letter], b"'"].concat()),
        }
        Ok(())
    }

    fn number(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some((digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let sum = value.unwrap_or(0);
            if sum > (TOTAL_MAX - 9) / 10 {
                break;
            }
            value = Some(sum * 10 + usize::from(digit - b'0'));
            self.rest = rest;
        }
        value
    }

    fn int_size(&mut self, default: usize) -> Result<usize, Wrong> {
        match self.number().unwrap_or(default) {
            size @ 1..=INT_SIZE_MAX => Ok(size),
            size => wrong(format!("integral size ({size}) out of limits [1,{INT_SIZE_MAX}]")),
        }
    }
}

fn put_int(out: &mut Buffer, value: i128, size: usize, is_little: bool) {
    let start = out.len();
    out.extend_from_slice(&value.to_le_bytes()[..size]);
    if !is_little {
        out[start..].reverse();
    }
}

/// The integer in `bytes`, unless it does not fit into a Lua integer.
fn get_int(bytes: &[u8], is_little: bool, is_signed: bool) -> Option<i64> {
    let size = bytes.len();
    let mut wide = [0; INT_SIZE_MAX];
    wide[..size].copy_from_slice(bytes);
    if !is_little {
        wide[..size].reverse();
    }
    let shift = 128 - 8 * size as u32;
    let unsigned = u128::from_le_bytes(wide);
    let signed = ((unsigned << shift) as i128) >> shift;
    if is_signed {
        return i64::try_from(signed).ok();
    }
    // An unsigned one may use all bits of a Lua integer.
    u64::try_from(unsigned).ok().map(|value| value as i64)
}

fn format_error(ctx: &mut Ctx<'_>, wrong: Wrong) -> Error {
    match wrong {
        Wrong::Format(message) => ctx.error(message),
        Wrong::Argument(message) => ctx.arg_error(1, message),
    }
}

/// `string.pack`
pub(super) fn pack(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let format = ctx.check_bytes(1)?.to_vec();
    let mut reader = Reader::new(&format);
    let mut out = ctx.buffer();
    let mut argument = 1;
    // Behind the arguments stands a nil, as in PUC Lua: it is what a missing one is reported to be.
    ctx.push_nil();
    while let Some(item) = reader.next(out.len()).map_err(|wrong| format_error(ctx, wrong))? {
        out.fill(0, item.padding);
        ctx.work(2 + item.size / 16)?;
        if matches!(item.kind, Kind::Padding | Kind::Align | Kind::Nothing) {
            out.fill(0, item.size);
            continue;
        }
        argument += 1;
        put_item(ctx, argument, item, reader.is_little, &mut out)?;
        if out.is_full() {
            break;
        }
    }
    ctx.push_buffer(&out)?;
    Ok(Next::Return(1))
}

fn put_item(ctx: &mut Ctx<'_>, argument: i32, item: Item, is_little: bool, out: &mut Buffer) -> Result<(), Error> {
    let size = item.size;
    match item.kind {
        Kind::Int => {
            let value = ctx.check_int(argument)?;
            if size < WORD && !(-(1i64 << (8 * size - 1))..1i64 << (8 * size - 1)).contains(&value) {
                return Err(ctx.arg_error(argument, "integer overflow"));
            }
            put_int(out, value.into(), size, is_little);
        }
        Kind::Uint => {
            let value = ctx.check_int(argument)?;
            if size < WORD && value as u64 >= 1u64 << (8 * size) {
                return Err(ctx.arg_error(argument, "unsigned overflow"));
            }
            put_int(out, (value as u64).into(), size, is_little);
        }
        Kind::Float => {
            let bits = (ctx.check_float(argument)? as f32).to_bits();
            put_int(out, bits.into(), size, is_little);
        }
        Kind::Double => {
            let bits = ctx.check_float(argument)?.to_bits();
            put_int(out, bits.into(), size, is_little);
        }
        _ => return put_text(ctx, argument, item, is_little, out),
    }
    Ok(())
}

fn put_text(ctx: &mut Ctx<'_>, argument: i32, item: Item, is_little: bool, out: &mut Buffer) -> Result<(), Error> {
    let size = item.size;
    let length = ctx.check_bytes(argument)?.len();
    let problem = match item.kind {
        Kind::Chars => (length > size).then_some("string longer than given size"),
        Kind::Counted => {
            (size < WORD && length >= 1 << (8 * size)).then_some("string length does not fit in given size")
        }
        _ => text(ctx, argument).contains(&0).then_some("string contains zeros"),
    };
    if let Some(problem) = problem {
        return Err(ctx.arg_error(argument, problem));
    }
    if item.kind == Kind::Counted {
        put_int(out, length as i128, size, is_little);
    }
    out.extend_from_slice(text(ctx, argument));
    match item.kind {
        Kind::Chars => out.fill(0, size - length),
        Kind::ZeroEnded => out.push(0),
        _ => {}
    }
    Ok(())
}

/// `string.packsize`
pub(super) fn packsize(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let format = ctx.check_bytes(1)?.to_vec();
    let mut reader = Reader::new(&format);
    let mut total = 0;
    while let Some(item) = reader.next(total).map_err(|wrong| format_error(ctx, wrong))? {
        ctx.work(2)?;
        if matches!(item.kind, Kind::Counted | Kind::ZeroEnded) {
            return Err(ctx.arg_error(1, "variable-length format"));
        }
        let size = item.padding + item.size;
        if size > TOTAL_MAX || total > TOTAL_MAX - size {
            return Err(ctx.arg_error(1, "format result too large"));
        }
        total += size;
    }
    ctx.push_int(total as i64);
    Ok(Next::Return(1))
}

/// `string.unpack`
pub(super) fn unpack(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let format = ctx.check_bytes(1)?.to_vec();
    let length = ctx.check_bytes(2)?.len();
    let mut at = start_position(ctx.opt_int(3, 1)?, length) - 1;
    if at > length {
        return Err(ctx.arg_error(3, "initial position out of string"));
    }
    let mut reader = Reader::new(&format);
    let mut n = 0;
    while let Some(item) = reader.next(at).map_err(|wrong| format_error(ctx, wrong))? {
        if item.padding + item.size > length - at {
            return Err(ctx.arg_error(2, "data string too short"));
        }
        at += item.padding;
        ctx.work(2 + item.size / 16)?;
        if !ctx.check_stack(2) {
            return Err(ctx.error("stack overflow (too many results)"));
        }
        if !matches!(item.kind, Kind::Padding | Kind::Align | Kind::Nothing) {
            at = push_item(ctx, item, at, reader.is_little)?;
            n += 1;
        }
        at += item.size;
    }
    ctx.push_int(at as i64 + 1);
    Ok(Next::Return(n + 1))
}

/// Pushes the item at `at`; the answer is where it ends, less its own size.
fn push_item(ctx: &mut Ctx<'_>, item: Item, at: usize, is_little: bool) -> Result<usize, Error> {
    let end = at + item.size;
    let data = text(ctx, 2);
    let rest = &data[end..];
    match item.kind {
        Kind::Int | Kind::Uint => {
            let Some(value) = get_int(&data[at..end], is_little, item.kind == Kind::Int) else {
                return Err(does_not_fit(ctx, item.size));
            };
            ctx.push_int(value);
        }
        Kind::Float => {
            let bits = get_int(&data[at..end], is_little, false).unwrap_or(0);
            ctx.push_float(f32::from_bits(bits as u32).into());
        }
        Kind::Double => {
            let bits = get_int(&data[at..end], is_little, false).unwrap_or(0);
            ctx.push_float(f64::from_bits(bits as u64));
        }
        Kind::Counted => {
            let Some(count) = get_int(&data[at..end], is_little, false) else {
                return Err(does_not_fit(ctx, item.size));
            };
            let Some(count) = usize::try_from(count).ok().filter(|count| *count <= rest.len()) else {
                return Err(ctx.arg_error(2, "data string too short"));
            };
            ctx.push_part(2, end..end + count)?;
            return Ok(at + count);
        }
        Kind::ZeroEnded => {
            let Some(count) = rest.iter().position(|c| *c == 0) else {
                return Err(ctx.arg_error(2, "unfinished string for format 'z'"));
            };
            ctx.push_part(2, at..at + count)?;
            return Ok(at + count + 1);
        }
        _ => ctx.push_part(2, at..end)?,
    }
    Ok(at)
}

fn does_not_fit(ctx: &mut Ctx<'_>, size: usize) -> Error {
    ctx.error(format!("{size}-byte integer does not fit into Lua Integer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(format: &str) -> Result<usize, Wrong> {
        let mut reader = Reader::new(format.as_bytes());
        let mut total = 0;
        while let Some(item) = reader.next(total)? {
            total += item.padding + item.size;
        }
        Ok(total)
    }

    #[test]
    fn formats_have_sizes() {
        let cases = [("i4", 4), ("b!i", 5 + 3), ("!4 b i8", 12), ("<!bXi", 4), ("bhilj", 1 + 2 + 4 + 8 + 8), ("!8bd", 16), ("c10b", 11), ("fdn", 20), ("xx", 2), ("i16", 16)];
        for (format, size) in cases {
            assert_eq!(total(format), Ok(size), "{format}");
        }
    }

    #[test]
    fn wrong_formats_say_so() {
        for (format, message) in [("i17", "integral size (17) out of limits [1,16]"), ("i0", "integral size (0) out of limits [1,16]"),
            ("c", "missing size for format option 'c'"), ("y", "invalid format option 'y'"), ("c99999999999", "invalid format option '9'")] {
            assert_eq!(total(format), Err(Wrong::Format(message.into())));
        }
        for format in ["X", "Xc1", "X ", "Xz"] {
            assert_eq!(total(format), Err(Wrong::Argument("invalid next option for option 'X'")));
        }
        assert_eq!(total("!4i3"), Err(Wrong::Argument("format asks for alignment not power of 2")));
    }

    #[test]
    fn integers_go_there_and_back() {
        for value in [0, 1, -1, 127, -128, i64::MAX, i64::MIN, 0x0102_0304_0506_0708] {
            for size in [8, 9, 16] {
                for is_little in [true, false] {
                    let mut bytes = Buffer::with_room(usize::MAX);
                    put_int(&mut bytes, value.into(), size, is_little);
                    assert_eq!(get_int(&bytes, is_little, true), Some(value));
                }
            }
        }
        assert_eq!(get_int(&[0xff], true, true), Some(-1));
        assert_eq!(get_int(&[0xff], true, false), Some(255));
        assert_eq!(get_int(&[1; 16], true, true), None);
        assert_eq!(get_int(&[0xff; 9], true, false), None);
        assert_eq!(get_int(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], true, false), Some(-1));
    }
}
