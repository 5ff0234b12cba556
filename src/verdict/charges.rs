//! What one request would spend: the limits of its action that apply to it, and for whom each counts. Which limits there
//! are is the policy's to say (`policy.rs`), whether they have room the limiter's (`limits.rs`).

use queries::EntityKind;

use super::fold::Limited;
use super::limits::{CHARGES_MAX, Charge, Limiter, Rate};
use super::policy::{Limit, Unit};

/// The charges of one request.
pub(crate) struct Charges<'a> {
    cost_credits: u64,
    charges: [Charge<'a>; CHARGES_MAX],
    limits: [Option<(&'a Limit, EntityKind)>; CHARGES_MAX],
    count: usize,
}

impl<'a> Charges<'a> {
    /// Chooses the limits that apply to a request of this score and cost. `id_of` tells the id that a limit by this
    /// kind counts for, none if the request does not name one.
    pub(crate) fn of(
        limits: &'a [Limit],
        score: u8,
        cost_credits: u64,
        id_of: impl Fn(EntityKind) -> Option<&'a str>,
    ) -> Self {
        const UNUSED: Charge<'_> = Charge { limit: 0, rate: Rate::UNUSED, entity: "", units: 0 };
        let mut charges = Self { cost_credits, charges: [UNUSED; CHARGES_MAX], limits: [None; CHARGES_MAX], count: 0 };
        for limit in limits {
            if limit.when_score_over.is_none_or(|over| score > over)
                && let Some(entity) = id_of(limit.by)
            {
                charges.add(limit, limit.by, entity);
            }
        }
        charges
    }

    /// Adds a limit that counts for this entity.
    pub(crate) fn add(&mut self, limit: &'a Limit, kind: EntityKind, entity: &'a str) {
        let units = match limit.unit {
            Unit::Requests => 1,
            Unit::Credits => self.cost_credits,
        };
        self.charges[self.count] = Charge { limit: limit.id, rate: limit.rate, entity, units };
        self.limits[self.count] = Some((limit, kind));
        self.count += 1;
    }

    /// Tells whether no limit applies.
    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Tells whether it costs more than the whole burst of a limit, so that it never passes.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.charges[..self.count].iter().any(|charge| charge.units > charge.rate.burst())
    }

    /// Checks all charges and, with `spend`, spends them all or none. See [`Limiter::take`].
    ///
    /// # Errors
    /// The limit that has no room for the longest; then nothing was spent.
    pub(crate) fn take(&self, limiter: &Limiter, now: i64, spend: bool) -> Result<(), Limited<'a>> {
        limiter.take(&self.charges[..self.count], now, spend).map_err(|refusal| {
            let (limit, entity_kind) = self.limits[refusal.charge].expect("the charge was made from a limit");
            Limited {
                limit,
                entity_kind,
                entity: self.charges[refusal.charge].entity,
                observed: refusal.observed,
                retry_after_us: refusal.retry_after_us,
            }
        })
    }
}
