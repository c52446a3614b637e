//! How numbers are distributed, in memory that does not grow with how many there are.

/// So many are kept as they are: 16 MB.
const MOST: usize = 1 << 21;
/// Beyond that they are counted by the upper bits of what they are as `f32`: two numbers of one count differ by less
/// than 1 part in 4,096.
const BINS: usize = 1 << 21;
const LOWER_BITS: u32 = 11;

/// Numbers without NaN.
#[derive(Debug)]
pub(crate) enum Distribution {
    Each(Vec<f64>),
    Counted { bins: Vec<u64>, count: u64 },
}

impl Distribution {
    pub(crate) fn new() -> Self {
        Self::Each(Vec::new())
    }

    pub(crate) fn add(&mut self, number: f64) {
        match self {
            Self::Each(numbers) if numbers.len() < MOST => numbers.push(number),
            Self::Each(numbers) => {
                let mut bins = vec![0; BINS];
                numbers.iter().for_each(|&number| bins[bin(number)] += 1);
                bins[bin(number)] += 1;
                *self = Self::Counted { bins, count: MOST as u64 + 1 };
            }
            Self::Counted { bins, count } => {
                bins[bin(number)] += 1;
                *count += 1;
            }
        }
    }

    /// From here on nothing is added.
    pub(crate) fn sort(&mut self) {
        if let Self::Each(numbers) = self {
            numbers.sort_unstable_by(f64::total_cmp);
        }
    }

    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, Self::Each(_))
    }

    /// Below it lies that share of all numbers, sorted: NumPy's `percentile`, interpolated between two neighbours, or to
    /// 1 part in 4,096 where numbers were counted.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        match self {
            Self::Each(numbers) => {
                let place = numbers.len().saturating_sub(1) as f64 * share;
                let at = |place: f64| numbers.get(place as usize).copied().unwrap_or(f64::NAN);
                let (low, high) = (at(place.floor()), at(place.ceil()));
                // Two infinities have no difference.
                if low == high { low } else { low + (high - low) * place.fract() }
            }
            Self::Counted { bins, count } => {
                let place = ((count - 1) as f64 * share).round() as u64;
                let mut below = 0;
                let found = bins.iter().position(|&count| {
                    below += count;
                    below > place
                });
                found.map_or(f64::NAN, middle)
            }
        }
    }

    /// How many there are below a limit.
    pub(crate) fn count_below(&self, limit: f64) -> u64 {
        match self {
            Self::Each(numbers) => numbers.partition_point(|&number| number < limit) as u64,
            Self::Counted { bins, .. } => bins[..bin(limit)].iter().sum(),
        }
    }

    /// The smallest number above 0 that is finite, and the largest.
    pub(crate) fn positive_range(&self) -> Option<(f64, f64)> {
        let is_wanted = |number: &f64| *number > 0.0 && number.is_finite();
        match self {
            Self::Each(numbers) => {
                let mut wanted = numbers.iter().copied().filter(is_wanted);
                let first = wanted.next()?;
                Some((first, wanted.next_back().unwrap_or(first)))
            }
            Self::Counted { bins, .. } => {
                let filled = bins.iter().enumerate().filter(|&(_, &count)| count > 0);
                let mut wanted = filled.map(|(bin, _)| middle(bin)).filter(is_wanted);
                let first = wanted.next()?;
                Some((first, wanted.next_back().unwrap_or(first)))
            }
        }
    }
}

/// Larger numbers have no smaller bin.
fn bin(number: f64) -> usize {
    let bits = (number as f32).to_bits();
    let in_order = if bits >> 31 == 1 { !bits } else { bits ^ 1 << 31 };
    (in_order >> LOWER_BITS) as usize
}

fn middle(bin: usize) -> f64 {
    let in_order = (bin as u32) << LOWER_BITS;
    let bits = if in_order >> 31 == 1 { in_order ^ 1 << 31 } else { !in_order };
    let edge = f32::from_bits(bits);
    if edge == 0.0 || edge.is_infinite() {
        return edge.into();
    }
    let half = 1 << (LOWER_BITS - 1);
    f32::from_bits(if edge > 0.0 { bits + half } else { bits - half }).into()
}
