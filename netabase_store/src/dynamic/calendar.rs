//! Dates and times of day as text, in the proleptic Gregorian calendar.

use std::fmt;

/// The Julian day of 1970-01-01.
const EPOCH_DAY: i64 = 2_440_588;
const DAY_SECS: i64 = 86_400;
/// The days of 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// The days from 0000-03-01, where an era begins, to 1970-01-01.
const EPOCH_FROM_ERA: i64 = 719_468;
/// Farther years are not parsed; 2^63 seconds are not as many.
const YEAR_MAX: i64 = 300_000_000_000;
const NANOS_DIGITS: usize = 9;

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    pub(super) nanos: u32,
}

/// A Julian day and a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DateTime {
    pub(super) day: i64,
    pub(super) time: Time,
}

impl Time {
    /// Returns the time if there is one like it in a day.
    pub(super) fn checked(self) -> Option<Self> {
        let is_valid = self.hour < 24 && self.minute < 60 && self.second < 60;
        (is_valid && self.nanos < 1_000_000_000).then_some(self)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
        let seconds = parts.next()?;
        let (second, nanos) = parse_seconds(seconds)?;
        if seconds.find('.').unwrap_or(seconds.len()) != 2 {
            return None;
        }
        let byte = |number: i64| u8::try_from(number).ok();
        let second = u8::try_from(second).ok()?;
        Self {
            hour: byte(hour)?,
            minute: byte(minute)?,
            second,
            nanos,
        }
        .checked()
    }

    fn secs(self) -> i64 {
        i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            hour,
            minute,
            second,
            nanos,
        } = self;
        write!(f, "{hour:02}:{minute:02}:{second:02}{}", fraction(*nanos))
    }
}

impl DateTime {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('T')?;
        Some(Self {
            day: parse_date(date)?,
            time: Time::parse(time)?,
        })
    }

    /// Returns the whole seconds since 1970, as if in UTC.
    pub(super) fn since_epoch(self) -> i128 {
        i128::from(self.day - EPOCH_DAY) * i128::from(DAY_SECS) + i128::from(self.time.secs())
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", date_text(self.day), self.time)
    }
}

/// Returns the date and time in UTC, so many seconds after 1970.
pub(super) fn instant(secs: i64, nanos: u32) -> DateTime {
    let day = EPOCH_DAY + secs.div_euclid(DAY_SECS);
    let rest = secs.rem_euclid(DAY_SECS);
    let part = |number: i64| u8::try_from(number).expect("parts of a day are small");
    let (hour, minute, second) = (part(rest / 3600), part(rest / 60 % 60), part(rest % 60));
    DateTime {
        day,
        time: Time {
            hour,
            minute,
            second,
            nanos,
        },
    }
}

/// Returns a Julian day as `year-month-day`; years beyond four digits have a sign.
pub(super) fn date_text(day: i64) -> String {
    // Years begin in March here, so that the leap day is the last of its year.
    let days = day - EPOCH_DAY + EPOCH_FROM_ERA;
    let (era, day) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

/// Returns the Julian day of a date, if it is one.
pub(super) fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.rsplitn(3, '-');
    let (day, month) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let year: i64 = parts.next()?.parse().ok()?;
    if year.abs() > YEAR_MAX || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let (from_march, shifted) = if month > 2 {
        (month - 3, year)
    } else {
        (month + 9, year - 1)
    };
    let (era, in_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let in_year = (153 * from_march + 2) / 5 + day - 1;
    let days = in_era * 365 + in_era / 4 - in_era / 100 + in_year;
    let julian = era * ERA_DAYS + days - EPOCH_FROM_ERA + EPOCH_DAY;
    // A day that its month does not have comes out as another date.
    (date_text(julian) == text).then_some(julian)
}

/// Returns the point and digits of a part of a second; nothing for a whole one.
pub(super) fn fraction(nanos: u32) -> String {
    if nanos == 0 {
        return String::new();
    }
    format!(".{nanos:09}").trim_end_matches('0').to_owned()
}

/// Returns whole seconds and nanoseconds of a number with up to nine decimals.
pub(super) fn parse_seconds(text: &str) -> Option<(u64, u32)> {
    let (secs, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !is_digits(secs) || !is_digits(decimals) || decimals.len() > NANOS_DIGITS {
        return None;
    }
    let nanos = format!("{decimals:0<NANOS_DIGITS$}").parse().ok()?;
    Some((secs.parse().ok()?, nanos))
}

/// Returns the number that so many digits write.
pub(super) fn digits(text: &str, count: usize) -> Option<i64> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
