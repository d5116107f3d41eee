//! `table`: native on tables without a metatable; otherwise chunks of Lua, which respect metamethods.

use std::cmp::Ordering;

use perilune_vm::leaf::Intrinsic;
use perilune_vm::{Ctx, Error, Kind, Next, Value};

use crate::leaf;
use crate::support::{self, Chunk, set_functions, set_with_chunks};

/// What a function does with its table, and so which metamethods stand in for a table.
const READ: &[&[u8]] = &[b"__index"];
const WRITE: &[&[u8]] = &[b"__newindex"];
const READ_LENGTH: &[&[u8]] = &[b"__index", b"__len"];
const ALL: &[&[u8]] = &[b"__index", b"__newindex", b"__len"];

/// Items that move in the time of one step of other work.
const SHIFTED_IN_A_STEP: usize = 32;
/// How many values one call can return.
const MAX_RESULTS: i64 = 999_000;

const LENGTH: Chunk = Chunk::new("table", "local t = ... return #t");

const INSERT: Chunk = Chunk::new("table.insert", "
local t, last, position, value = ...
for i = last, position + 1, -1 do t[i] = t[i - 1] end
t[position] = value");

const REMOVE: Chunk = Chunk::new("table.remove", "
local t, size, position = ...
local removed = t[position]
while position < size do
  t[position] = t[position + 1]
  position = position + 1
end
t[position] = nil
return removed");

const MOVE: Chunk = Chunk::new("table.move", "
local from, first, last, target, to = ...
if target > last or target <= first or from ~= to then
  for i = 0, last - first do to[target + i] = from[first + i] end
else
  for i = last - first, 0, -1 do to[target + i] = from[first + i] end
end
return to");

/// Copies a range into a plain table; stops after a value that `concat` will not take.
const COLLECT: Chunk = Chunk::new("table", "
local t, first, last, accepts = ...
local copy, n = {}, 0
for i = first, last do
  local value = t[i]
  n = n + 1
  copy[n] = value
  if accepts and not accepts(value) then break end
end
return copy, n");

/// Quicksort with the median of three, as PUC Lua's: so it asks an inconsistent order the same questions.
const SORT: Chunk = Chunk::new("table.sort", "
local raise, t, size, less = ...
less = less or function(a, b) return a < b end
local function sort(low, high)
  local t, less = t, less
  local tilt = 0
  while low < high do
    local a, b = t[low], t[high]
    if less(b, a) then t[low], t[high] = b, a end
    local span = high - low
    if span == 1 then break end
    local middle
    if span < 100 or tilt == 0 then
      middle = (low + high) // 2
    else
      local quarter = span // 4
      middle = low + quarter + tilt % (quarter * 2)
    end
    local pivot, first = t[middle], t[low]
    if less(pivot, first) then
      t[middle], t[low] = first, pivot
    else
      local last = t[high]
      if less(last, pivot) then t[middle], t[high] = last, pivot end
    end
    if span == 2 then break end
    pivot = t[middle]
    local stop = high - 1
    local before = t[stop]
    t[middle], t[stop] = before, pivot
    local i, j = low, stop
    while true do
      i = i + 1
      local left = t[i]
      while less(left, pivot) do
        if i == stop then raise('invalid order function for sorting') end
        i = i + 1
        left = t[i]
      end
      j = j - 1
      local right = t[j]
      while less(pivot, right) do
        if j < i then raise('invalid order function for sorting') end
        j = j - 1
        right = t[j]
      end
      if j < i then break end
      t[i], t[j] = right, left
    end
    local edge, center = t[stop], t[i]
    t[stop], t[i] = center, edge
    local smaller
    if i - low < high - i then
      sort(low, i - 1)
      smaller = i - low
      low = i + 1
    else
      sort(i + 1, high)
      smaller = high - i
      high = i - 1
    end
    if (high - low) // 128 > smaller then tilt = tilt * 31 + span + 7 end
  end
end
sort(1, size)");

/// Installs the library.
pub(crate) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 7)?;
    set_functions(ctx, &[("table.pack", pack)])?;
    // The first upvalue is for `LENGTH`, the second for the function's own chunk.
    set_with_chunks(ctx, ("table.concat", concat), 2)?;
    set_with_chunks(ctx, ("table.insert", insert), 2)?;
    set_with_chunks(ctx, ("table.move", move_), 2)?;
    set_with_chunks(ctx, ("table.remove", remove), 2)?;
    set_with_chunks(ctx, ("table.sort", sort), 2)?;
    set_with_chunks(ctx, ("table.unpack", unpack), 2)?;
    support::set_leaves(ctx, leaf::TABLE);
    support::set_intrinsics(ctx, &[("insert", Intrinsic::Insert), ("remove", Intrinsic::Remove)]);
    support::publish(ctx, b"table")
}

/// Whether the value is a table whose accesses cannot reach a metamethod.
fn is_plain(ctx: &Ctx<'_>, index: i32) -> bool {
    ctx.kind(index) == Kind::Table && !ctx.has_metatable(index)
}

/// Raises an error unless the value is a table, or has the metamethods to act as one.
fn check_access(ctx: &mut Ctx<'_>, index: i32, metamethods: &[&[u8]]) -> Result<(), Error> {
    if ctx.kind(index) == Kind::Table {
        return Ok(());
    }
    for &name in metamethods {
        if !ctx.metafield(index, name) {
            return Err(ctx.type_error(index, "table"));
        }
        ctx.pop(1);
    }
    Ok(())
}

/// Asks for the length of the first argument; the native goes on in state 1 with the answer on the top.
fn call_length(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    LENGTH.push(ctx, 1)?;
    ctx.push_copy(1);
    Ok(Next::Call { args: 1, results: Some(1), state: 1 })
}

fn pop_length(ctx: &mut Ctx<'_>) -> Result<i64, Error> {
    let Some(length) = ctx.to_int(-1) else {
        return Err(ctx.error("object length is not an integer"));
    };
    ctx.pop(1);
    Ok(length)
}

/// The length of the table in the first argument, or the call that finds it.
fn length_of(ctx: &mut Ctx<'_>, state: u32, metamethods: &[&[u8]]) -> Result<Result<i64, Next>, Error> {
    if state > 0 {
        return pop_length(ctx).map(Ok);
    }
    check_access(ctx, 1, metamethods)?;
    if is_plain(ctx, 1) {
        return Ok(Ok(ctx.len_raw(1)));
    }
    call_length(ctx).map(Err)
}

fn copy_element(ctx: &mut Ctx<'_>, table: i32, from: i64, to: i64) -> Result<(), Error> {
    ctx.raw_get_int(table, from);
    ctx.raw_set_int(table, to)
}

fn insert(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    let last = match length_of(ctx, state, ALL)? {
        Ok(length) => length.wrapping_add(1),
        Err(call) => return Ok(call),
    };
    let position = match ctx.top() {
        2 => last,
        3 => ctx.check_int(2)?,
        _ => return Err(ctx.error("wrong number of arguments to 'insert'")),
    };
    if ctx.top() == 3 && (position.wrapping_sub(1) as u64) >= last as u64 {
        return Err(ctx.arg_error(2, "position out of bounds"));
    }
    if is_plain(ctx, 1) {
        let mut slot = last;
        if position < last - 1 {
            copy_element(ctx, 1, last - 1, last)?;
            slot -= 1;
            let count = (slot - position) as u64;
            if ctx.array_shift(1, position as u64, position as u64 + 1, count) {
                ctx.work(count as usize / SHIFTED_IN_A_STEP)?;
                slot = position;
            }
        }
        while slot > position {
            copy_element(ctx, 1, slot - 1, slot)?;
            slot -= 1;
            ctx.work(2)?;
        }
        ctx.raw_set_int(1, position)?;
        return Ok(Next::Return(0));
    }
    INSERT.push(ctx, 2)?;
    ctx.insert(-2);
    ctx.push_copy(1);
    ctx.insert(-2);
    ctx.push_int(last);
    ctx.insert(-2);
    ctx.push_int(position);
    ctx.insert(-2);
    Ok(Next::TailCall { args: 4 })
}

fn remove(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    let size = match length_of(ctx, state, ALL)? {
        Ok(length) => length,
        Err(call) => return Ok(call),
    };
    let position = ctx.opt_int(2, size)?;
    if position != size && (position.wrapping_sub(1) as u64) > size as u64 {
        return Err(ctx.arg_error(2, "position out of bounds"));
    }
    if is_plain(ctx, 1) {
        ctx.raw_get_int(1, position);
        let mut slot = position;
        if position < size && ctx.array_shift(1, position as u64 + 1, position as u64, (size - position) as u64) {
            ctx.work((size - position) as usize / SHIFTED_IN_A_STEP)?;
            slot = size;
        }
        while slot < size {
            copy_element(ctx, 1, slot + 1, slot)?;
            slot += 1;
            ctx.work(2)?;
        }
        ctx.push_nil();
        ctx.raw_set_int(1, slot)?;
        return Ok(Next::Return(1));
    }
    REMOVE.push(ctx, 2)?;
    ctx.push_copy(1);
    ctx.push_int(size);
    ctx.push_int(position);
    Ok(Next::TailCall { args: 3 })
}

fn move_(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let first = ctx.check_int(2)?;
    let last = ctx.check_int(3)?;
    let target = ctx.check_int(4)?;
    let to = if ctx.is_none_or_nil(5) { 1 } else { 5 };
    check_access(ctx, 1, READ)?;
    check_access(ctx, to, WRITE)?;
    if last < first {
        ctx.push_copy(to);
        return Ok(Next::Return(1));
    }
    if first <= 0 && last >= i64::MAX.wrapping_add(first) {
        return Err(ctx.arg_error(3, "too many elements to move"));
    }
    let count = last - first + 1;
    if target > i64::MAX - count + 1 {
        return Err(ctx.arg_error(4, "destination wrap around"));
    }
    if !is_plain(ctx, 1) || !is_plain(ctx, to) {
        MOVE.push(ctx, 2)?;
        ctx.push_copy(1);
        ctx.push_int(first);
        ctx.push_int(last);
        ctx.push_int(target);
        ctx.push_copy(to);
        return Ok(Next::TailCall { args: 5 });
    }
    let forward = target > last || target <= first || !ctx.equal_raw(1, to);
    for step in 0..count {
        let offset = if forward { step } else { count - 1 - step };
        ctx.raw_get_int(1, first + offset);
        ctx.raw_set_int(to, target + offset)?;
        ctx.work(2)?;
    }
    ctx.push_copy(to);
    Ok(Next::Return(1))
}

fn pack(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let count = ctx.top();
    ctx.new_table(count as u32, 1)?;
    ctx.insert(1);
    ctx.set_items(1, count)?;
    ctx.push_int(count as i64);
    ctx.raw_set_field(1, b"n")?;
    Ok(Next::Return(1))
}

/// States: 1, the length is known; 2, the elements of a table with metamethods are in a plain copy.
fn unpack(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == 2 {
        let count = ctx.to_int(-1).unwrap_or(0);
        ctx.pop(1);
        let copy = ctx.top() as i32;
        return push_range(ctx, copy, 1, count);
    }
    if state == 0 {
        ctx.set_top(3);
    }
    let first = ctx.opt_int(2, 1)?;
    let last = if state == 1 {
        pop_length(ctx)?
    } else if !ctx.is_none_or_nil(3) {
        ctx.check_int(3)?
    } else if is_plain(ctx, 1) {
        ctx.len_raw(1)
    } else {
        return call_length(ctx);
    };
    if first > last {
        return Ok(Next::Return(0));
    }
    if last.wrapping_sub(first) as u64 >= MAX_RESULTS as u64 || !ctx.check_stack((last - first) as usize + 1) {
        return Err(ctx.error("too many results to unpack"));
    }
    if is_plain(ctx, 1) {
        return push_range(ctx, 1, first, last);
    }
    COLLECT.push(ctx, 2)?;
    ctx.push_copy(1);
    ctx.push_int(first);
    ctx.push_int(last);
    Ok(Next::Call { args: 3, results: Some(2), state: 2 })
}

/// Elements that are pushed without asking whether to stop.
const AT_ONCE: i64 = 1000;

/// Pushes so many elements, for which there is room, and returns them.
fn push_range(ctx: &mut Ctx<'_>, table: i32, first: i64, last: i64) -> Result<Next, Error> {
    let mut next = first;
    while next <= last {
        let end = last.min(next.saturating_add(AT_ONCE - 1));
        ctx.raw_get_range(table, next, end);
        ctx.work((end - next) as usize + 1)?;
        let Some(behind) = end.checked_add(1) else { break };
        next = behind;
    }
    Ok(Next::Return((last - first + 1) as u32))
}

/// States as `unpack`'s.
fn concat(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == 2 {
        let count = ctx.to_int(-1).unwrap_or(0);
        ctx.pop(1);
        let copy = ctx.top() as i32;
        let shown = ctx.opt_int(3, 1)?;
        return join(ctx, copy, 1, count, shown);
    }
    if state == 0 {
        ctx.set_top(4);
    }
    let length = match length_of(ctx, state, READ_LENGTH)? {
        Ok(length) => length,
        Err(call) => return Ok(call),
    };
    ctx.opt_bytes(2)?;
    let first = ctx.opt_int(3, 1)?;
    let last = ctx.opt_int(4, length)?;
    if is_plain(ctx, 1) {
        return join(ctx, 1, first, last, first);
    }
    COLLECT.push(ctx, 2)?;
    ctx.push_copy(1);
    ctx.push_int(first);
    ctx.push_int(last);
    ctx.push_native("table.concat", is_text, 0)?;
    Ok(Next::Call { args: 4, results: Some(2), state: 2 })
}

fn is_text(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let answer = matches!(ctx.kind(1), Kind::Str | Kind::Int | Kind::Float);
    ctx.push_bool(answer);
    Ok(Next::Return(1))
}

/// Joins the elements of a plain table; `shown` is the number of its first one in messages.
fn join(ctx: &mut Ctx<'_>, table: i32, first: i64, last: i64, shown: i64) -> Result<Next, Error> {
    let separator = ctx.opt_bytes(2)?.unwrap_or(b"").to_vec();
    let mut out = ctx.buffer();
    let mut index = first;
    while index <= last {
        ctx.raw_get_int(table, index);
        if !matches!(ctx.kind(-1), Kind::Str | Kind::Int | Kind::Float) {
            let at = shown.wrapping_add(index.wrapping_sub(first));
            return Err(ctx.error(format!("invalid value ({}) at index {at} in table for 'concat'", ctx.kind(-1).name())));
        }
        let before = out.len();
        crate::text::append_plain(ctx, -1, &mut out);
        ctx.pop(1);
        ctx.work(4 + (out.len().saturating_sub(before) + separator.len()) / 16)?;
        if index == last || out.is_full() {
            break;
        }
        out.extend_from_slice(&separator);
        index += 1;
    }
    ctx.push_buffer(&out)?;
    Ok(Next::Return(1))
}

fn sort(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    let size = match length_of(ctx, state, ALL)? {
        Ok(length) => length,
        Err(call) => {
            ctx.bar_yields();
            return Ok(call);
        }
    };
    if size < 2 {
        return Ok(Next::Return(0));
    }
    if size >= i64::from(i32::MAX) {
        return Err(ctx.arg_error(1, "array too big"));
    }
    let has_order = !ctx.is_none_or_nil(2);
    if has_order {
        ctx.check_kind(2, Kind::Function)?;
    }
    ctx.set_top(2);
    if !has_order && ctx.array_len(1) == Some(size as u64) && sort_plain(ctx, size)? {
        return Ok(Next::Return(0));
    }
    ctx.bar_yields();
    SORT.push(ctx, 2)?;
    ctx.push_native("table.sort_raise", raise, 0)?;
    ctx.set_inner(-1);
    ctx.push_copy(1);
    ctx.push_int(size);
    ctx.push_copy(2);
    Ok(Next::TailCall { args: 4 })
}

/// Raises its argument as the error of the function that called the chunk.
fn raise(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let message = ctx.bytes(1).unwrap_or(b"").to_vec();
    Err(ctx.error_at(2, message))
}

/// What can be sorted without asking Lua: all numbers, or all strings.
enum Keys {
    Numbers(Vec<Numeral>),
    Strings(Vec<Vec<u8>>),
}

#[derive(Clone, Copy)]
enum Numeral {
    Int(i64),
    Float(f64),
}

/// Sorts numbers or strings; false, and nothing done, when there is anything else.
fn sort_plain(ctx: &mut Ctx<'_>, size: i64) -> Result<bool, Error> {
    let Some(keys) = keys_of(ctx, size)? else {
        return Ok(false);
    };
    let order: Vec<usize> = (0..size as usize).collect();
    let order = match &keys {
        Keys::Numbers(keys) => sort_patiently(ctx, order, |a, b| compare(keys[a], keys[b]), |_| 1)?,
        Keys::Strings(keys) => sort_patiently(ctx, order, |a, b| keys[a].cmp(&keys[b]), |a| 1 + keys[a].len() / 64)?,
    };
    permute(ctx, order)?;
    Ok(true)
}

/// Items that are sorted between two looks at the clock.
const RUN: usize = 1 << 15;

/// Sorts runs, then merges them: so it can be left at any time. `cost` is that of comparing an item.
fn sort_patiently(
    ctx: &mut Ctx<'_>,
    mut order: Vec<usize>,
    compare: impl Fn(usize, usize) -> Ordering,
    cost: impl Fn(usize) -> usize,
) -> Result<Vec<usize>, Error> {
    for run in order.chunks_mut(RUN) {
        let steps = run.iter().map(|&item| cost(item)).sum::<usize>() * 16;
        run.sort_unstable_by(|&a, &b| compare(a, b));
        ctx.work(steps)?;
    }
    let mut width = RUN;
    while width < order.len() {
        let mut merged = Vec::with_capacity(order.len());
        for pair in order.chunks(width * 2) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([a, ..], [b, ..]) = (left, right) {
                let side = if compare(*b, *a) == Ordering::Less { &mut right } else { &mut left };
                merged.push(side[0]);
                ctx.work(cost(side[0]))?;
                *side = &side[1..];
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        order = merged;
        width *= 2;
    }
    Ok(order)
}

fn keys_of(ctx: &mut Ctx<'_>, size: i64) -> Result<Option<Keys>, Error> {
    let mut numbers = Vec::new();
    let mut strings = Vec::new();
    for index in 1..=size {
        ctx.raw_get_int(1, index);
        match ctx.value(-1) {
            Value::Int(i) => numbers.push(Numeral::Int(i)),
            Value::Float(f) if !f.is_nan() => numbers.push(Numeral::Float(f)),
            Value::Str(bytes) => strings.push(bytes.to_vec()),
            _ => return Ok(None),
        }
        ctx.pop(1);
        ctx.work(4)?;
    }
    Ok(match (numbers.is_empty(), strings.is_empty()) {
        (false, true) => Some(Keys::Numbers(numbers)),
        (true, false) => Some(Keys::Strings(strings)),
        _ => None,
    })
}

/// The mathematical order of two numbers that are not NaN.
fn compare(a: Numeral, b: Numeral) -> Ordering {
    match (a, b) {
        (Numeral::Int(a), Numeral::Int(b)) => a.cmp(&b),
        (Numeral::Float(a), Numeral::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (Numeral::Int(a), Numeral::Float(b)) => compare_mixed(a, b),
        (Numeral::Float(a), Numeral::Int(b)) => compare_mixed(b, a).reverse(),
    }
}

fn compare_mixed(a: i64, b: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if b >= LIMIT {
        return Ordering::Less;
    }
    if b < -LIMIT {
        return Ordering::Greater;
    }
    let whole = b.floor();
    match a.cmp(&(whole as i64)) {
        Ordering::Equal if b > whole => Ordering::Less,
        order => order,
    }
}

/// Brings element `order[i]` to place `i`, one cycle of exchanges after the other.
fn permute(ctx: &mut Ctx<'_>, mut order: Vec<usize>) -> Result<(), Error> {
    for start in 0..order.len() {
        let mut place = start;
        while order[place] != start {
            let from = order[place];
            ctx.array_swap(1, place as u64 + 1, from as u64 + 1);
            order[place] = place;
            place = from;
            ctx.work(4)?;
        }
        order[place] = place;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_numbers_compare_exactly() {
        assert_eq!(compare_mixed(i64::MAX, 9.3e18), Ordering::Less);
        assert_eq!(compare_mixed(i64::MAX, 9_223_372_036_854_775_807.0), Ordering::Less);
        assert_eq!(compare_mixed(1, 1.5), Ordering::Less);
        assert_eq!(compare_mixed(-1, -1.5), Ordering::Greater);
        assert_eq!(compare_mixed(2, 2.0), Ordering::Equal);
    }
}
