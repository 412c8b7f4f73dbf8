//! Distances of points as `EctoLibSql.Geo` stores them: JSON arrays of a latitude, a longitude and
//! perhaps an elevation.

use super::haversine::{LATITUDE, LONGITUDE, distance, within};
use super::{Answer, Output, Scalar, shown};
use crate::value::ValueRef;

pub(super) static DISTANCE: Scalar = Scalar::new(c"ecto_geo_distance", 2, |values| {
    let [from, to] = values else {
        return Ok(Output::Null);
    };
    match (point(*from)?, point(*to)?) {
        (Some(from), Some(to)) => Ok(Output::Real(distance(from, to))),
        _ => Ok(Output::Null),
    }
});

/// Latitude and longitude; `None` for NULL, and where one of them is null.
fn point(value: ValueRef<'_>) -> Answer<Option<(f64, f64)>> {
    let text = match value {
        ValueRef::Null => return Ok(None),
        ValueRef::Text(text) => text,
        ValueRef::Integer(_) | ValueRef::Real(_) => return Err("a number is no point".to_owned()),
        ValueRef::Blob(_) => return Err("a blob is no point".to_owned()),
    };
    let (latitude, longitude) =
        coordinates(text).ok_or_else(|| format!("{} is no point", shown(text)))?;
    let latitude = latitude
        .map(|degrees| within(degrees, LATITUDE))
        .transpose()?;
    let longitude = longitude
        .map(|degrees| within(degrees, LONGITUDE))
        .transpose()?;
    Ok(latitude.zip(longitude))
}

type Coordinates = (Option<f64>, Option<f64>);

fn coordinates(text: &[u8]) -> Option<Coordinates> {
    let array = std::str::from_utf8(text).ok()?.trim_ascii();
    let mut elements = array.strip_prefix('[')?.strip_suffix(']')?.split(',');
    let latitude = number(elements.next()?)?;
    let longitude = number(elements.next()?)?;
    if let Some(elevation) = elements.next() {
        number(elevation)?;
    }
    elements.next().is_none().then_some((latitude, longitude))
}

/// The outer is `None` for what JSON does not have as a number, the inner for null.
fn number(text: &str) -> Option<Option<f64>> {
    match text.trim_ascii() {
        "null" => Some(None),
        text if text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && text.ends_with(|c: char| c.is_ascii_digit()) =>
        {
            text.parse().ok().map(Some)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_arrays_of_two_or_three_numbers() {
        for (text, read) in [
            ("[1,2]", Some((1.0, 2.0))),
            (" [ -1.5 , 2e1 , 30 ] ", Some((-1.5, 20.0))),
            ("[1,2,null]", Some((1.0, 2.0))),
            ("[null,2]", None),
            ("[90,-180]", Some((90.0, -180.0))),
        ] {
            assert_eq!(point(ValueRef::Text(text.as_bytes())), Ok(read), "{text}");
        }
        assert_eq!(point(ValueRef::Null), Ok(None));
    }

    #[test]
    fn what_is_no_point_is_an_error() {
        for text in [
            "",
            "[]",
            "[1]",
            "[1,2,3,4]",
            "[1,2",
            "[1,x]",
            "[1,-inf]",
            "[1,nan]",
            "[1,+2]",
            "[1,2.]",
            "{\"a\":1}",
        ] {
            assert_eq!(
                point(ValueRef::Text(text.as_bytes())),
                Err(format!("'{text}' is no point"))
            );
        }
        assert!(point(ValueRef::Text(b"[91,0]")).is_err());
        assert!(point(ValueRef::Text(b"[0,-180.5]")).is_err());
        assert!(point(ValueRef::Text(b"[0,1e999]")).is_err());
        assert!(point(ValueRef::Blob(b"[0,1]")).is_err());
        assert!(point(ValueRef::Integer(1)).is_err());
    }
}
