//! The value below which a share of all values lies.

/// The nearest-rank percentile of values in ascending order; 0 for none.
pub(crate) fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_nearest_rank() {
        let values: Vec<usize> = (1..=20).collect();
        assert_eq!(
            (percentile(&values, 50), percentile(&values, 95), percentile(&values, 100)),
            (10, 19, 20)
        );
        assert_eq!(percentile(&[], 95), 0);
    }
}
