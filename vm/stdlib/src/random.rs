//! The generator behind `math.random`: xoshiro256**, seeded and projected as PUC Lua 5.4 does.

use perilune_vm::{Ctx, Error, Next, Value, number};

use crate::support::set_functions_with;

/// The state of xoshiro256**, by Blackman and Vigna.
struct Generator([u64; 4]);

impl Generator {
    fn seeded(first: u64, second: u64) -> Generator {
        let mut generator = Generator([first, 0xFF, second, 0]);
        for _ in 0..16 {
            generator.next();
        }
        generator
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in `0..=limit`: random bits are drawn until those that matter are in range.
    fn project(&mut self, limit: u64) -> u64 {
        loop {
            let random = masked(self.next(), limit);
            if random <= limit {
                return random;
            }
        }
    }
}

/// As few of the lower bits as hold `limit`.
fn masked(random: u64, limit: u64) -> u64 {
    random & u64::MAX.checked_shr(limit.leading_zeros()).unwrap_or(0)
}

/// Adds `random` and `randomseed`, which share a generator, to the table on the top.
pub(crate) fn install(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    let (first, second) = accidental_seed();
    ctx.push_host(Box::new(Generator::seeded(first, second)), 0)?;
    set_functions_with(ctx, 1, &[("math.random", random), ("math.randomseed", randomseed)])
}

fn accidental_seed() -> (u64, u64) {
    use std::hash::{BuildHasher, RandomState};
    // Each state begins with numbers that the system made up.
    let state = RandomState::new();
    (state.hash_one(0), state.hash_one(1))
}

fn with_generator<T>(ctx: &mut Ctx<'_>, action: impl FnOnce(&mut Generator) -> T) -> Result<T, Error> {
    ctx.upvalue(1);
    let result = ctx.host_mut::<Generator>(-1).map(action);
    ctx.pop(1);
    match result {
        Some(result) => Ok(result),
        None => Err(ctx.error("the random generator is gone")),
    }
}

fn random(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let bits = with_generator(ctx, Generator::next)?;
    let (low, high) = match ctx.top() {
        0 => {
            ctx.push_float((bits >> 11) as f64 * (0.5 / (1u64 << 52) as f64));
            return Ok(Next::Return(1));
        }
        1 => match ctx.check_int(1)? {
            0 => {
                ctx.push_int(bits as i64);
                return Ok(Next::Return(1));
            }
            high => (1, high),
        },
        2 => (ctx.check_int(1)?, ctx.check_int(2)?),
        _ => return Err(ctx.error("wrong number of arguments")),
    };
    if low > high {
        return Err(ctx.arg_error(1, "interval is empty"));
    }
    let limit = (high as u64).wrapping_sub(low as u64);
    // Most often the first number does.
    let offset = match masked(bits, limit) {
        offset if offset <= limit => offset,
        _ => with_generator(ctx, |generator| generator.project(limit))?,
    };
    ctx.push_int((low as u64).wrapping_add(offset) as i64);
    Ok(Next::Return(1))
}

fn randomseed(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let (first, second) = if ctx.is_none(1) {
        accidental_seed()
    } else {
        let first = match ctx.value(1) {
            Value::Int(seed) => seed,
            _ => {
                let seed = ctx.check_float(1)?;
                number::float_to_int(seed).unwrap_or(seed.to_bits() as i64)
            }
        };
        (first as u64, ctx.opt_int(2, 0)? as u64)
    };
    with_generator(ctx, |generator| *generator = Generator::seeded(first, second))?;
    ctx.push_int(first as i64);
    ctx.push_int(second as i64);
    Ok(Next::Return(2))
}

#[cfg(test)]
mod tests {
    use super::Generator;

    #[test]
    fn projection_stays_in_range() {
        let mut generator = Generator::seeded(1007, 0);
        for limit in [0, 1, 2, 5, 6, 1000, u64::MAX - 1, u64::MAX] {
            for _ in 0..100 {
                assert!(generator.project(limit) <= limit);
            }
        }
    }

    #[test]
    fn the_seed_decides_the_sequence() {
        // The first number after `math.randomseed(1007)`, as the official test suite expects it.
        assert_eq!(Generator::seeded(1007, 0).next(), 0x7a7040a5_a323c9d6);
    }
}
