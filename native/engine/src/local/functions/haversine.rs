//! Distances on the globe.

use super::real::real;
use super::{Answer, Output, Scalar};
use crate::value::ValueRef;

/// The mean radius of the Earth in metres, of the International Union of Geodesy and Geophysics.
const RADIUS: f64 = 6_371_008.8;

pub(super) static SCALARS: [Scalar; 1] = [Scalar::new(c"haversine", 4, haversine)];

/// The great-circle distance of two places, given in degrees, in metres.
fn haversine(values: &[ValueRef<'_>]) -> Answer {
    let [latitude, longitude, other_latitude, other_longitude] = values else {
        return Ok(Output::Null);
    };
    let from = (
        degrees(*latitude, LATITUDE)?,
        degrees(*longitude, LONGITUDE)?,
    );
    let to = (
        degrees(*other_latitude, LATITUDE)?,
        degrees(*other_longitude, LONGITUDE)?,
    );
    match (from, to) {
        ((Some(a), Some(b)), (Some(c), Some(d))) => Ok(Output::Real(distance((a, b), (c, d)))),
        _ => Ok(Output::Null),
    }
}

pub(super) const LATITUDE: (&str, f64) = ("latitude", 90.0);
pub(super) const LONGITUDE: (&str, f64) = ("longitude", 180.0);

fn degrees(value: ValueRef<'_>, range: (&str, f64)) -> Answer<Option<f64>> {
    real(value)?
        .map(|degrees| within(degrees, range))
        .transpose()
}

pub(super) fn within(degrees: f64, (name, most): (&str, f64)) -> Answer<f64> {
    if degrees.abs() > most {
        return Err(format!(
            "the {name} {degrees} is not from -{most} to {most}"
        ));
    }
    Ok(degrees)
}

/// <https://en.wikipedia.org/wiki/Haversine_formula>
pub(super) fn distance(from: (f64, f64), to: (f64, f64)) -> f64 {
    let latitudes = (to.0 - from.0).to_radians();
    let longitudes = (to.1 - from.1).to_radians();
    let squared_half_chord = (latitudes / 2.0).sin().powi(2)
        + from.0.to_radians().cos() * to.0.to_radians().cos() * (longitudes / 2.0).sin().powi(2);
    2.0 * RADIUS * squared_half_chord.sqrt().min(1.0).asin()
}
