//! The groups of functions and collations that a connection's options choose.

use super::aggregates::{Avg, Max, Min, Sum};
use super::call::{create_aggregate, create_collation, create_scalar};
use super::percentile::{Continuous, Discrete, Median, Percentile};
use super::variance::{PopulationDeviation, PopulationVariance, SampleDeviation, SampleVariance};
use super::{decimal, digest, haversine, levenshtein, order, regexp, scalars, unicode, uuids};
use crate::error::Result;
use crate::local::raw_connection::RawConnection;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Exact arithmetic and a collation, named as in SQLite's extension `decimal`.
    Decimal,
    /// SHA-256 and base64.
    Digest,
    /// Distances on the globe.
    Haversine,
    /// `REGEXP` and what goes with it.
    Regexp,
    /// Median, percentiles, variance and standard deviation.
    Statistics,
    /// Collations and functions for text in all scripts.
    Text,
    /// Named as in SQLite's extension `uuid`, and those of version 7.
    Uuid,
}

impl Group {
    pub const ALL: [Group; 7] = [
        Group::Decimal,
        Group::Digest,
        Group::Haversine,
        Group::Regexp,
        Group::Statistics,
        Group::Text,
        Group::Uuid,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Group::Decimal => "decimal",
            Group::Digest => "digest",
            Group::Haversine => "haversine",
            Group::Regexp => "regexp",
            Group::Statistics => "statistics",
            Group::Text => "text",
            Group::Uuid => "uuid",
        }
    }

    pub fn named(name: &str) -> Option<Group> {
        Group::ALL.into_iter().find(|group| group.name() == name)
    }

    pub(super) fn register(self, connection: &RawConnection) -> Result<()> {
        let scalars = match self {
            Group::Decimal => scalars::DECIMAL.as_slice(),
            Group::Digest => &digest::SCALARS,
            Group::Haversine => &haversine::SCALARS,
            Group::Regexp => &regexp::SCALARS,
            Group::Statistics => &[],
            Group::Text => &unicode::SCALARS,
            Group::Uuid => &uuids::SCALARS,
        };
        for scalar in scalars {
            create_scalar(connection, scalar)?;
        }
        match self {
            Group::Decimal => register_decimal(connection),
            Group::Statistics => register_statistics(connection),
            Group::Text => register_text(connection),
            Group::Digest | Group::Haversine | Group::Regexp | Group::Uuid => Ok(()),
        }
    }
}

fn register_decimal(connection: &RawConnection) -> Result<()> {
    create_aggregate::<Sum>(connection, c"decimal_sum")?;
    create_aggregate::<Avg>(connection, c"decimal_avg")?;
    create_aggregate::<Min>(connection, c"decimal_min")?;
    create_aggregate::<Max>(connection, c"decimal_max")?;
    create_collation(connection, c"decimal", decimal::collate)
}

fn register_statistics(connection: &RawConnection) -> Result<()> {
    create_aggregate::<Median>(connection, c"median")?;
    create_aggregate::<Percentile>(connection, c"percentile")?;
    create_aggregate::<Continuous>(connection, c"percentile_cont")?;
    create_aggregate::<Discrete>(connection, c"percentile_disc")?;
    create_aggregate::<SampleVariance>(connection, c"variance")?;
    create_aggregate::<SampleVariance>(connection, c"var_samp")?;
    create_aggregate::<PopulationVariance>(connection, c"var_pop")?;
    create_aggregate::<SampleDeviation>(connection, c"stddev")?;
    create_aggregate::<SampleDeviation>(connection, c"stddev_samp")?;
    create_aggregate::<PopulationDeviation>(connection, c"stddev_pop")
}

fn register_text(connection: &RawConnection) -> Result<()> {
    create_scalar(connection, &levenshtein::SCALAR)?;
    create_collation(connection, c"unicode_nocase", order::ignoring_case)?;
    create_collation(connection, c"natural_sort", order::natural)
}
