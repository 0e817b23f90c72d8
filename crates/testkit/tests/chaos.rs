//! A short chaos run with a fixed seed; `cargo xtask chaos` makes long ones.

use std::time::Duration;

use testkit::chaos::{self, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_of_faults_loses_nothing_and_does_nothing_twice() {
    let report = chaos::run(&Plan::new(7, Duration::from_secs(60))).await.unwrap();
    println!("{report}");
    assert!(report.offences.is_empty(), "{report}");
    assert!(report.faults().len() >= 4, "a seed that breaks little proves little: {report}");
    assert!(report.messages > 300, "{report}");
}

#[test]
fn a_seed_draws_the_same_schedule_again_and_another_seed_another() {
    let plan = |seed| Plan::new(seed, Duration::from_secs(600));
    assert_eq!(chaos::schedule(&plan(1)), chaos::schedule(&plan(1)));
    assert_ne!(chaos::schedule(&plan(1)), chaos::schedule(&plan(2)));
    let kinds: std::collections::BTreeSet<_> =
        (1..=10).flat_map(|seed| chaos::schedule(&plan(seed))).map(|(_, fault)| fault.kind()).collect();
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}
