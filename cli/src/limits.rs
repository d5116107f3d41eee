//! How much a program may use, as the command line says it.

use std::time::Duration;

use perilune_vm::{OnLimit, Vm};

/// The exit code of a program that met a limit, as that of `timeout`.
pub const STOPPED: u8 = 124;

/// Limits of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    memory: Option<usize>,
    instructions: Option<u64>,
    time: Option<Duration>,
    raises: bool,
}

/// What an option that sets a limit takes; `None` for other options.
pub fn takes(name: &str) -> Option<&'static str> {
    Some(match name {
        "max-memory" => "a size in bytes, as 500000, 64K, 100M or 2G",
        "max-instructions" => "a number of instructions",
        "deadline" => "a duration, as 500ms, 2s or 3m",
        "on-limit" => "'stop' or 'error'",
        _ => return None,
    })
}

/// What to say of an option that sets a limit and has no value; `None` for other options.
pub fn missing(name: &str) -> Option<String> {
    takes(name).map(|takes| format!("'--{name}=' takes {takes}"))
}

impl Limits {
    /// Takes an option, without its hyphens.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&mut self, name: &str, value: &str) -> Result<(), String> {
        let taken = match name {
            "max-memory" => size(value).map(|bytes| self.memory = Some(bytes)),
            "max-instructions" => value.parse().ok().map(|count| self.instructions = Some(count)),
            "deadline" => duration(value).map(|time| self.time = Some(time)),
            _ => raises(value).map(|raises| self.raises = raises),
        };
        taken.ok_or_else(|| format!("'--{name}' takes {}, not '{value}'", takes(name).unwrap_or("no value")))
    }

    /// Sets the limits of a machine; time begins now.
    ///
    /// # Errors
    /// What keeps the system from watching the time.
    pub fn impose(self, vm: &mut Vm) -> Result<(), Vec<u8>> {
        let then = if self.raises { OnLimit::Error } else { OnLimit::Stop };
        if let Some(bytes) = self.memory {
            vm.set_memory_limit(bytes, then);
        }
        if self.instructions.is_some() {
            vm.set_instruction_limit(self.instructions, then);
        }
        let Some(time) = self.time else { return Ok(()) };
        vm.set_time_limit(time, then).map_err(|error| format!("cannot watch the time: {error}").into_bytes())
    }
}

/// Whether a limit raises an error.
fn raises(text: &str) -> Option<bool> {
    match text {
        "stop" => Some(false),
        "error" => Some(true),
        _ => None,
    }
}

/// A number of bytes, in units of 1024 and its powers if a letter says so.
fn size(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "K" | "k" => 1 << 10,
        "M" | "m" => 1 << 20,
        "G" | "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

/// A time with its unit; a bare number is in seconds.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number =
        digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.').then(|| digits.parse::<f64>().ok())??;
    Duration::try_from_secs_f64(number * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let cases = [
            ("17", Some(17)),
            ("4K", Some(4096)),
            ("64M", Some(64 << 20)),
            ("2G", Some(2 << 30)),
            ("", None),
            ("K", None),
            ("1T", None),
            ("-1", None),
            ("99999999999G", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_have_units() {
        let cases = [
            ("500ms", Some(500_000)),
            ("2s", Some(2_000_000)),
            ("1.5s", Some(1_500_000)),
            ("3", Some(3_000_000)),
            ("1m", Some(60_000_000)),
            ("7us", Some(7)),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
            ("1e3s", None),
            ("inf", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text).map(|time| time.as_micros()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = Limits::default().read("max-memory", "lots").expect_err("no size");
        assert_eq!(wrong, "'--max-memory' takes a size in bytes, as 500000, 64K, 100M or 2G, not 'lots'");
    }
}
