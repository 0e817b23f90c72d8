//! How many messages a service works on at once: cores, open files and load decide, a setting overrides.

use contracts::ConsumerSpec;

use crate::settings::{LaneCount, Lanes};

/// A single lane can starve while its next pull is on the way, so there are always two.
pub(crate) const LEAST: usize = 2;
/// More never helps on one machine.
pub(crate) const MOST: usize = 100;
/// Files that the process needs for itself.
const RESERVED_FILES: u64 = 64;
/// A handler may hold a database connection, a cache connection and an HTTP connection at once.
const FILES_PER_LANE: u64 = 4;

/// What the machine offers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Cores that the process may use.
    pub cores: usize,
    /// Files that it may have open.
    pub open_files: u64,
    /// Processes that wanted to run, averaged over the last minute.
    pub load: f64,
}

impl Machine {
    /// This machine, now. What cannot be read counts as no limit.
    pub fn read() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let open_files = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)
            .map_or(u64::MAX, |(soft, _)| soft);
        let load = std::fs::read_to_string("/proc/loadavg")
            .ok()
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or(0.0);
        Machine { cores, open_files, load }
    }

    /// Lanes of one durable: several a core, since they wait for servers most of the time; fewer on a machine that
    /// is busy already.
    fn lanes(self, per_core: usize) -> usize {
        let wanted = self.cores * per_core;
        let busy = self.load / self.cores.max(1) as f64;
        let wanted = if busy > 1.0 { (wanted as f64 / busy).ceil() as usize } else { wanted };
        let by_files = self.open_files.saturating_sub(RESERVED_FILES) / FILES_PER_LANE;
        wanted.min(usize::try_from(by_files).unwrap_or(usize::MAX)).clamp(LEAST, MOST)
    }
}

/// What is to be read from a durable.
#[derive(Debug, Clone, Copy)]
pub struct Reads {
    /// The durable.
    pub spec: &'static ConsumerSpec,
    /// [`crate::Stage::LANES_PER_CORE`].
    pub per_core: usize,
}

/// How many lanes each of these durables of one service gets.
///
/// A service's number is shared by its durables, by what each would have alone; where no setting states it, it is
/// the sum of that, and not more than 100.
pub fn divide(settings: &Lanes, machine: Machine, reads: &[Reads]) -> Vec<usize> {
    let Some(first) = reads.first() else { return Vec::new() };
    let alone: Vec<usize> = reads.iter().map(|read| machine.lanes(read.per_core)).collect();
    let sum: usize = alone.iter().sum();
    let total = match settings.of_service(first.spec.service) {
        LaneCount::Fixed(count) => count,
        LaneCount::Auto => sum.min(MOST),
    };
    let mut shares: Vec<usize> = alone.iter().map(|alone| total * alone / sum).collect();
    shares[0] += total - shares.iter().sum::<usize>();
    reads
        .iter()
        .zip(alone)
        .zip(shares)
        .map(|((read, alone), share)| match settings.of_durable(read.spec) {
            Some(LaneCount::Fixed(count)) => count,
            Some(LaneCount::Auto) => alone,
            None => share,
        })
        .map(|count| count.max(LEAST))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Service;
    use contracts::topology::{CLASSIFIER, REGISTRAR_ORDER};

    const QUIET: Machine = Machine { cores: 2, open_files: 1_024, load: 0.1 };

    const ONE: [Reads; 1] = [Reads { spec: &CLASSIFIER, per_core: 8 }];

    fn registrar() -> Vec<Reads> {
        let per_core = |spec| if spec == &REGISTRAR_ORDER { 16 } else { 8 };
        Service::Registrar.consumers().map(|spec| Reads { spec, per_core: per_core(spec) }).collect()
    }

    #[test]
    fn more_cores_mean_more_lanes_but_never_more_than_a_hundred() {
        let lanes = |cores| divide(&Lanes::default(), Machine { cores, ..QUIET }, &ONE)[0];
        assert!(lanes(1) < lanes(2) && lanes(2) < lanes(4));
        assert_eq!(lanes(1_000), 100);
    }

    #[test]
    fn a_busy_machine_and_a_low_open_file_limit_mean_fewer_lanes_but_never_fewer_than_two() {
        let lanes = |machine| divide(&Lanes::default(), machine, &ONE)[0];
        assert!(lanes(Machine { load: 8.0, ..QUIET }) < lanes(QUIET));
        assert!(lanes(Machine { open_files: 80, ..QUIET }) < lanes(QUIET));
        assert_eq!(lanes(Machine { load: 1e9, ..QUIET }), 2);
        assert_eq!(lanes(Machine { open_files: 3, ..QUIET }), 2);
    }

    #[test]
    fn a_service_with_many_durables_gives_each_two_at_least_and_stays_below_a_hundred() {
        for cores in [1, 2, 64] {
            let lanes = divide(&Lanes::default(), Machine { cores, ..QUIET }, &registrar());
            assert!(lanes.iter().all(|count| *count >= 2), "{lanes:?}");
            assert!(lanes.iter().sum::<usize>() <= 100, "{lanes:?}");
        }
    }

    #[test]
    fn a_stage_that_waits_longer_gets_more_lanes() {
        assert_eq!(divide(&Lanes::default(), QUIET, &registrar()), [30, 14, 14, 14, 14, 14]);
    }

    #[test]
    fn a_setting_for_the_service_is_shared_and_one_for_the_durable_wins() {
        let mut settings = Lanes::default();
        settings.each.insert("registrar".into(), LaneCount::Fixed(14));
        assert_eq!(divide(&settings, QUIET, &registrar()), [4, 2, 2, 2, 2, 2]);
        settings.each.insert("registrar_order".into(), LaneCount::Fixed(20));
        assert_eq!(divide(&settings, QUIET, &registrar())[0], 20);
        assert_eq!(registrar()[0].spec, &REGISTRAR_ORDER);
        settings.each.insert("classifier".into(), LaneCount::Fixed(5));
        assert_eq!(divide(&settings, QUIET, &ONE), [5]);
    }
}
