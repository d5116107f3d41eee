//! `os.date` and `os.time`: the calendar by hand, time zones by `jiff`.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use perilune_vm::{Ctx, Error, Kind, Next};

const DAY: i64 = 86_400;
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
];

/// A broken-down time, with the units of the real world: years count from 0 and months from 1.
#[derive(Clone)]
struct Calendar {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    /// Sunday is 0.
    week_day: i64,
    /// The first of January is 0.
    year_day: i64,
    is_summer: bool,
    offset: i64,
    zone: String,
}

/// How local time differs from UTC at a moment.
struct Zone {
    offset: i64,
    is_summer: bool,
    name: String,
}

fn zone_at(time: i64) -> Zone {
    let clamped = time.clamp(Timestamp::MIN.as_second() + DAY, Timestamp::MAX.as_second() - DAY);
    let Ok(moment) = Timestamp::from_second(clamped) else {
        return utc_zone();
    };
    let system = TimeZone::system();
    let info = system.to_offset_info(moment);
    Zone {
        offset: info.offset().seconds().into(),
        is_summer: info.dst().is_dst(),
        name: info.abbreviation().to_owned(),
    }
}

fn utc_zone() -> Zone {
    Zone { offset: 0, is_summer: false, name: "GMT".to_owned() }
}

/// Days since the epoch of a date in the proleptic Gregorian calendar; the month and day may be out of range.
fn days_from_date(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    // Years start in March, so that the leap day is the last of its year.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468 + day - 1
}

fn date_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The calendar's view of a time; none when its year does not fit what C can represent.
fn calendar(time: i64, zone: Zone) -> Option<Calendar> {
    let local = time.checked_add(zone.offset)?;
    let days = local.div_euclid(DAY);
    let seconds = local.rem_euclid(DAY);
    let (year, month, day) = date_from_days(days);
    i32::try_from(year - 1900).ok()?;
    Some(Calendar {
        year,
        month,
        day,
        hour: seconds / 3600,
        minute: seconds / 60 % 60,
        second: seconds % 60,
        week_day: (days + 4).rem_euclid(7),
        year_day: days - days_from_date(year, 1, 1),
        is_summer: zone.is_summer,
        offset: zone.offset,
        zone: zone.name,
    })
}

/// The time whose local view is this number of seconds, given whether summer time is meant, if that is known.
fn time_from_local(local: i64, is_summer: Option<bool>) -> i64 {
    let guess = local - zone_at(local).offset;
    let time = local - zone_at(guess).offset;
    let Some(wanted) = is_summer else {
        return time;
    };
    let here = zone_at(time);
    if here.is_summer == wanted {
        return time;
    }
    // As C does: apply the offset of the other half of the year, if it has one.
    for days in [90, -90, 180, -180, 270, -270] {
        let other = zone_at(time + days * DAY);
        if other.is_summer == wanted {
            return local - other.offset;
        }
    }
    time
}

fn now() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs() as i64,
        Err(before) => -(before.duration().as_secs() as i64),
    }
}

/// Sets a field of the table on the top.
fn set_int(ctx: &mut Ctx<'_>, table: i32, name: &[u8], value: i64) -> Result<(), Error> {
    ctx.push_int(value);
    ctx.raw_set_field(table, name)
}

fn set_all(ctx: &mut Ctx<'_>, table: i32, view: &Calendar) -> Result<(), Error> {
    set_int(ctx, table, b"year", view.year)?;
    set_int(ctx, table, b"month", view.month)?;
    set_int(ctx, table, b"day", view.day)?;
    set_int(ctx, table, b"hour", view.hour)?;
    set_int(ctx, table, b"min", view.minute)?;
    set_int(ctx, table, b"sec", view.second)?;
    set_int(ctx, table, b"yday", view.year_day + 1)?;
    set_int(ctx, table, b"wday", view.week_day + 1)?;
    ctx.push_bool(view.is_summer);
    ctx.raw_set_field(table, b"isdst")
}

/// A field of the table in the first argument, less `delta`, which must fit a C `int`.
fn date_field(ctx: &mut Ctx<'_>, name: &str, default: Option<i64>, delta: i64) -> Result<i64, Error> {
    ctx.raw_get_field(1, name.as_bytes());
    let kind = ctx.kind(-1);
    let value = ctx.to_int(-1);
    ctx.pop(1);
    let Some(value) = value else {
        return match default {
            _ if kind != Kind::Nil => Err(ctx.error(format!("field '{name}' is not an integer"))),
            Some(default) => Ok(default),
            None => Err(ctx.error(format!("field '{name}' missing in date table"))),
        };
    };
    match value.checked_sub(delta).and_then(|value| i32::try_from(value).ok()) {
        Some(value) => Ok(value.into()),
        None => Err(ctx.error(format!("field '{name}' is out-of-bound"))),
    }
}

/// `os.time`
pub(crate) fn time(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if ctx.is_none_or_nil(1) {
        ctx.push_int(now());
        return Ok(Next::Return(1));
    }
    ctx.check_table(1)?;
    ctx.set_top(1);
    let year = date_field(ctx, "year", None, 1900)? + 1900;
    let month = date_field(ctx, "month", None, 1)? + 1;
    let day = date_field(ctx, "day", None, 0)?;
    let hour = date_field(ctx, "hour", Some(12), 0)?;
    let minute = date_field(ctx, "min", Some(0), 0)?;
    let second = date_field(ctx, "sec", Some(0), 0)?;
    ctx.raw_get_field(1, b"isdst");
    let is_summer = (!ctx.is_nil(-1)).then(|| ctx.to_bool(-1));
    ctx.pop(1);
    let local = days_from_date(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    let time = time_from_local(local, is_summer);
    let Some(view) = calendar(time, zone_at(time)) else {
        return Err(ctx.error("time result cannot be represented in this installation"));
    };
    set_all(ctx, 1, &view)?;
    ctx.push_int(time);
    Ok(Next::Return(1))
}

/// `os.date`
pub(crate) fn date(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let format = ctx.opt_bytes(1)?.unwrap_or(b"%c").to_vec();
    let time = if ctx.is_none_or_nil(2) { now() } else { ctx.check_int(2)? };
    let (format, zone) = match format.strip_prefix(b"!") {
        Some(rest) => (rest, utc_zone()),
        None => (&format[..], zone_at(time)),
    };
    let Some(view) = calendar(time, zone) else {
        return Err(ctx.error("date result cannot be represented in this installation"));
    };
    if format.starts_with(b"*t") {
        ctx.new_table(0, 9)?;
        let table = ctx.top() as i32;
        set_all(ctx, table, &view)?;
        return Ok(Next::Return(1));
    }
    let mut out = Vec::new();
    if let Err(specifier) = append_format(&view, format, &mut out) {
        let specifier = String::from_utf8_lossy(specifier).into_owned();
        return Err(ctx.arg_error(1, &format!("invalid conversion specifier '%{specifier}'")));
    }
    ctx.push_bytes(&out)?;
    Ok(Next::Return(1))
}

/// Appends a formatted date; the error is what follows the `%` that means nothing.
fn append_format<'a>(view: &Calendar, format: &'a [u8], out: &mut Vec<u8>) -> Result<(), &'a [u8]> {
    let mut rest = format;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let (letter, length) = match after {
            // In the C locale the alternative forms are the plain ones.
            [b'E', letter @ (b'c' | b'C' | b'x' | b'X' | b'y' | b'Y'), ..] => (*letter, 2),
            [
                b'O',
                letter @ (b'd' | b'e' | b'H' | b'I' | b'm' | b'M' | b'S' | b'u' | b'U' | b'V' | b'w' | b'W' | b'y'),
                ..,
            ] => (*letter, 2),
            [letter, ..] => (*letter, 1),
            [] => return Err(after),
        };
        match conversion(view, letter) {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => return Err(after),
        }
        rest = &after[length..];
    }
    Ok(())
}

fn conversion(view: &Calendar, letter: u8) -> Option<String> {
    let day_name = DAYS[view.week_day as usize];
    let month_name = MONTHS[view.month as usize - 1];
    let hour_12 = (view.hour + 11) % 12 + 1;
    let half = if view.hour < 12 { "AM" } else { "PM" };
    let again = |format: &[u8]| {
        let mut out = Vec::new();
        append_format(view, format, &mut out).ok()?;
        String::from_utf8(out).ok()
    };
    Some(match letter {
        b'a' => day_name[..3].to_owned(),
        b'A' => day_name.to_owned(),
        b'b' | b'h' => month_name[..3].to_owned(),
        b'B' => month_name.to_owned(),
        b'c' => return again(b"%a %b %e %H:%M:%S %Y"),
        b'C' => format!("{:02}", view.year.div_euclid(100)),
        b'd' => format!("{:02}", view.day),
        b'D' | b'x' => return again(b"%m/%d/%y"),
        b'e' => format!("{:2}", view.day),
        b'F' => return again(b"%Y-%m-%d"),
        b'g' => format!("{:02}", iso_week(view).0.rem_euclid(100)),
        b'G' => iso_week(view).0.to_string(),
        b'H' => format!("{:02}", view.hour),
        b'I' => format!("{hour_12:02}"),
        b'j' => format!("{:03}", view.year_day + 1),
        b'm' => format!("{:02}", view.month),
        b'M' => format!("{:02}", view.minute),
        b'n' => "\n".to_owned(),
        b'p' => half.to_owned(),
        b'r' => return again(b"%I:%M:%S %p"),
        b'R' => return again(b"%H:%M"),
        b'S' => format!("{:02}", view.second),
        b't' => "\t".to_owned(),
        b'T' | b'X' => return again(b"%H:%M:%S"),
        b'u' => ((view.week_day + 6) % 7 + 1).to_string(),
        b'U' => format!("{:02}", (view.year_day + 7 - view.week_day) / 7),
        b'V' => format!("{:02}", iso_week(view).1),
        b'w' => view.week_day.to_string(),
        b'W' => format!("{:02}", (view.year_day + 7 - (view.week_day + 6) % 7) / 7),
        b'y' => format!("{:02}", view.year.rem_euclid(100)),
        b'Y' => view.year.to_string(),
        b'z' => zone_text(view.offset),
        b'Z' => view.zone.clone(),
        b'%' => "%".to_owned(),
        _ => return None,
    })
}

fn zone_text(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.abs() / 60;
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}

/// The year and week by ISO 8601: a week belongs to the year that has its Thursday.
fn iso_week(view: &Calendar) -> (i64, i64) {
    let days = days_from_date(view.year, 1, 1) + view.year_day;
    let thursday = days - (view.week_day + 6) % 7 + 3;
    let (year, _, _) = date_from_days(thursday);
    (year, (thursday - days_from_date(year, 1, 1)) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(time: i64, format: &str) -> String {
        let view = calendar(time, utc_zone()).expect("a time that C can represent");
        let mut out = Vec::new();
        append_format(&view, format.as_bytes(), &mut out).expect("a valid format");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn dates() {
        assert_eq!(formatted(0, "%c"), "Thu Jan  1 00:00:00 1970");
        assert_eq!(formatted(951_782_400, "%F %j %U %W %V %G %a"), "2000-02-29 060 09 09 09 2000 Tue");
        assert_eq!(formatted(1_104_537_600, "%G-W%V-%u %D"), "2004-W53-6 01/01/05");
        assert_eq!(formatted(-1, "%Y-%m-%dT%T"), "1969-12-31T23:59:59");
    }

    #[test]
    fn fields_may_be_out_of_range() {
        assert_eq!(days_from_date(2000, 14, 1), days_from_date(2001, 2, 1));
        assert_eq!(days_from_date(2000, 3, 0), days_from_date(2000, 2, 29));
        assert_eq!(days_from_date(2000, -11, 1), days_from_date(1999, 1, 1));
    }

    #[test]
    fn what_means_nothing_is_reported_with_the_rest() {
        let view = calendar(0, utc_zone()).expect("the epoch");
        assert_eq!(append_format(&view, b"%Ez", &mut Vec::new()), Err(&b"Ez"[..]));
        assert_eq!(append_format(&view, b"%", &mut Vec::new()), Err(&b""[..]));
    }
}
