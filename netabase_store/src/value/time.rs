//! Types of the `time` crate.
//!
//! - `date`: the Julian day, signed
//! - `time`: a byte each for hour, minute and second, then nanoseconds, unsigned
//! - `primitive-date-time`, `utc-date-time`: the date, then the time
//! - `offset-date-time`: local date and time, then the offset from UTC in seconds, signed
//! - `signed-duration`: seconds and nanoseconds, both of the duration's sign

use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime, UtcOffset};

use crate::{
    key::time::signed_duration,
    schema::{Shape, Types},
    value::{NetabaseValue, ValueError, ValueReader, ValueWriter, known::known},
};

known! {
    Date, "date", 1,
        |writer, date| date.to_julian_day().encode_value(writer),
        |reader| {
            let day = i32::decode_value(reader)?;
            Self::from_julian_day(day).map_err(|_| reader.error(format!("{day} is no Julian day")))
        };
    Time, "time", 4, encode_time, decode_time;
    PrimitiveDateTime, "primitive-date-time", 5,
        |writer, both| encode_both(writer, both.date(), both.time()),
        |reader| decode_both(reader).map(|(date, time)| Self::new(date, time));
    UtcDateTime, "utc-date-time", 5,
        |writer, both| encode_both(writer, both.date(), both.time()),
        |reader| decode_both(reader).map(|(date, time)| Self::new(date, time));
    OffsetDateTime, "offset-date-time", 6,
        |writer, local| {
            encode_both(writer, local.date(), local.time())?;
            local.offset().whole_seconds().encode_value(writer)
        },
        |reader| {
            let (date, time) = decode_both(reader)?;
            let secs = i32::decode_value(reader)?;
            let offset = UtcOffset::from_whole_seconds(secs)
                .map_err(|_| reader.error(format!("{secs} seconds are no offset from UTC")))?;
            Ok(Self::new_in_offset(date, time, offset))
        };
    Duration, "signed-duration", 2,
        |writer, duration| {
            duration.whole_seconds().encode_value(writer)?;
            duration.subsec_nanoseconds().encode_value(writer)
        },
        |reader| {
            let secs = i64::decode_value(reader)?;
            let nanos = i32::decode_value(reader)?;
            signed_duration(secs, nanos)
                .ok_or_else(|| reader.error(format!("{secs} s and {nanos} ns are no duration")))
        };
}

fn encode_time(writer: &mut ValueWriter<'_>, time: &Time) -> Result<(), ValueError> {
    let (hour, minute, second, nanos) = time.as_hms_nano();
    writer.bytes(&[hour, minute, second]);
    nanos.encode_value(writer)
}

fn decode_time(reader: &mut ValueReader<'_>) -> Result<Time, ValueError> {
    let [hour, minute, second] = reader.take_array()?;
    let nanos = reader.get_u32()?;
    Time::from_hms_nano(hour, minute, second, nanos).map_err(|_| {
        reader.error(format!(
            "{hour}:{minute}:{second}.{nanos:09} is no time of day"
        ))
    })
}

fn encode_both(writer: &mut ValueWriter<'_>, date: Date, time: Time) -> Result<(), ValueError> {
    date.encode_value(writer)?;
    time.encode_value(writer)
}

fn decode_both(reader: &mut ValueReader<'_>) -> Result<(Date, Time), ValueError> {
    let date = Date::decode_value(reader)?;
    Ok((date, Time::decode_value(reader)?))
}
