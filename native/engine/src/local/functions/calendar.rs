//! Dates and times of the proleptic Gregorian calendar, years 0 to 9999, as ISO 8601 text.

use super::{Answer, shown};

/// A moment, counted in microseconds from 0000-03-01T00:00:00, where leap days come last in a
/// year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    day: i64,
    microsecond: i64,
}

pub(super) const DATE_LENGTH: usize = 10;

pub(super) const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

impl Moment {
    /// Reads `2026-11-21`, `2026-11-21T13:05`, `…:00`, `….123456`, with a space for the `T`, and
    /// with `Z` or an offset at the end, which is taken off: the answer is UTC.
    pub(super) fn parse(text: &[u8]) -> Answer<Moment> {
        read(text).ok_or_else(|| format!("{} is no date or time in ISO 8601", shown(text)))
    }

    pub(super) fn add_microseconds(self, microseconds: i64) -> Option<Moment> {
        let sum = i128::from(self.microsecond) + i128::from(microseconds);
        let days = sum.div_euclid(i128::from(MICROSECONDS_A_DAY));
        let rest = sum.rem_euclid(i128::from(MICROSECONDS_A_DAY));
        Some(Moment {
            day: self.day.checked_add(i64::try_from(days).ok()?)?,
            microsecond: i64::try_from(rest).ok()?,
        })
    }

    /// A day that the month does not have becomes its last one.
    pub(super) fn add_months(self, months: i64) -> Option<Moment> {
        let (year, month, day) = civil(self.day);
        let count = (year * 12 + month - 1).checked_add(months)?;
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
        if !(0..=9999).contains(&year) {
            return None;
        }
        let day = day.min(days_in_month(year, month));
        Some(Moment {
            day: day_number(year, month, day),
            ..self
        })
    }

    /// `None` where the year has not four digits.
    pub(super) fn date(self) -> Option<String> {
        let (year, month, day) = civil(self.day);
        (0..=9999)
            .contains(&year)
            .then(|| format!("{year:04}-{month:02}-{day:02}"))
    }

    /// With no digits of a second's fraction, or with six.
    pub(super) fn datetime(self, fraction: bool) -> Option<String> {
        let date = self.date()?;
        let second = self.microsecond / 1_000_000;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let time = format!("{date}T{hour:02}:{minute:02}:{second:02}");
        Some(if fraction {
            format!("{time}.{:06}", self.microsecond % 1_000_000)
        } else {
            time
        })
    }
}

fn read(text: &[u8]) -> Option<Moment> {
    let (date, rest) = text.split_at_checked(DATE_LENGTH)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else {
        return None;
    };
    let year = number(&[y1, y2, y3, y4])?;
    let month = number(&[m1, m2])?;
    let day = number(&[d1, d2])?;
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let midnight = Moment {
        day: day_number(year, month, day),
        microsecond: 0,
    };
    match rest {
        [] => Some(midnight),
        [b'T' | b't' | b' ', time @ ..] => {
            let (time, offset) = split_offset(time)?;
            midnight.add_microseconds(microseconds(time)? - offset)
        }
        _ => None,
    }
}

/// Takes `Z` or `+01:00` off; the offset in microseconds.
fn split_offset(time: &[u8]) -> Option<(&[u8], i64)> {
    if let [time @ .., b'Z' | b'z'] = time {
        return Some((time, 0));
    }
    match time {
        [time @ .., sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let minutes = number(&[*h1, *h2])? * 60 + number(&[*m1, *m2])?;
            let minutes = if *sign == b'-' { -minutes } else { minutes };
            Some((time, minutes * 60_000_000))
        }
        time => Some((time, 0)),
    }
}

/// `13:05`, `13:05:00` or `13:05:00.123456`; digits past the sixth are cut off.
fn microseconds(time: &[u8]) -> Option<i64> {
    let (hours, rest) = time.split_at_checked(5)?;
    let &[h1, h2, b':', m1, m2] = hours else {
        return None;
    };
    let (second, fraction) = match rest {
        [] => (0, 0),
        [b':', s1, s2] => (number(&[*s1, *s2])?, 0),
        [b':', s1, s2, b'.', digits @ ..] if !digits.is_empty() => {
            number(digits)?;
            let mut six = [b'0'; 6];
            let length = digits.len().min(6);
            six[..length].copy_from_slice(&digits[..length]);
            (number(&[*s1, *s2])?, number(&six)?)
        }
        _ => return None,
    };
    let (hour, minute) = (number(&[h1, h2])?, number(&[m1, m2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction)
}

/// Digits only, no sign; what does not fit is cut off by nobody: 18 digits at most.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number.wrapping_mul(10).wrapping_add(i64::from(byte - b'0')))
    })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// A year that begins in March has its leap day at its end, so that the months before it have
// the same lengths in every year: five months of 153 days, twice and a bit.

fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1
}

fn civil(day_number: i64) -> (i64, i64, i64) {
    const DAYS_IN_400_YEARS: i64 = 146_097;
    let era = day_number.div_euclid(DAYS_IN_400_YEARS);
    let day = day_number.rem_euclid(DAYS_IN_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (year, month + 3)
    } else {
        (year + 1, month - 9)
    };
    (era * 400 + year, month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::parse(text.as_bytes()).unwrap()
    }

    /// Day by day, by the rule that everybody knows.
    #[test]
    fn every_day_of_ten_thousand_years_has_its_number() {
        let mut expected = day_number(0, 1, 1);
        for year in 0..=9999 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(day_number(year, month, day), expected);
                    assert_eq!(civil(expected), (year, month, day));
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn text_of_every_form_is_read() {
        for (text, read) in [
            ("2026-11-21", "2026-11-21T00:00:00.000000"),
            ("2026-11-21 13:05", "2026-11-21T13:05:00.000000"),
            ("2026-11-21T13:05:01Z", "2026-11-21T13:05:01.000000"),
            ("2026-11-21T13:05:01.5", "2026-11-21T13:05:01.500000"),
            ("2026-11-21T13:05:01.1234567", "2026-11-21T13:05:01.123456"),
            ("2026-11-21T00:30:00+01:00", "2026-11-20T23:30:00.000000"),
            ("0000-02-29T23:59:59.999999", "0000-02-29T23:59:59.999999"),
            ("9999-12-31T23:59:59", "9999-12-31T23:59:59.000000"),
        ] {
            assert_eq!(moment(text).datetime(true).as_deref(), Some(read), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "now",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-1-1",
            "-001-01-01",
            "2026-11-21T",
            "2026-11-21T24:00:00",
            "2026-11-21T1:00:00",
            "2026-11-21T10:00:00.",
            "2026-11-21T10:00:00.1x",
            "2026-11-21x",
            "2026-11-21T10:60:00",
            "20261121T101010",
        ] {
            assert!(Moment::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
