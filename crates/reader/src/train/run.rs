//! From folders of labelled messages to weights, and what the weights are worth on restaurants left out.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::crf::{self, Example};
use super::gold::{DataError, Message, Restaurant, is_right, read_restaurant};
use super::report::{Fate, Fates};
use super::{latent, linear, show};
use crate::order::Order;
use crate::rank::Sense;
use crate::read::doubt;
use crate::resolve::Resolver;
use crate::rules::extract::Bounds;
use crate::second::Second;
use crate::surface::Surface;
use crate::trust::{self, Signs};
use crate::weights::{Gate, KINDS, Weights};
use crate::{Candidate, Kind, Observed, candidates, choose, kind_features, kind_of, kinds, signs_of};

/// Never learned from and never looked at: what they say goes to the README.
pub const HELD_OUT: [&str; 4] = ["deli", "pho", "smash-burgers", "souvlaki"];
/// Groups of restaurants; each is read by what the others taught.
const GROUPS: usize = 5;
/// Of the orders so many may go wrong to the kitchen.
const WRONG_SHARE: f64 = 0.0075;
/// Of what is no order so many may be registered.
const OTHERS_SHARE: f64 = 0.002;
/// Readings that are tried for a label, in the first round and later.
const TRIES: [usize; 3] = [200, 100, 100];

/// The folders of restaurants that are learned from, in the order of their names.
fn folders(data: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = std::fs::read_dir(data).map_err(|e| DataError::File(data.display().to_string(), e))?;
    let learned = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        path.join("menu.csv").is_file() && !HELD_OUT.contains(&name.as_str())
    };
    let mut folders: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|e| e.path()).filter(learned).collect();
    folders.sort();
    Ok(folders)
}

/// Reads every restaurant that is learned from.
pub fn read_all(data: &Path) -> Result<Vec<Restaurant>, DataError> {
    folders(data)?.iter().map(|folder| read_restaurant(folder)).collect()
}

/// What the weights are made from, as a hash: menus, options and messages.
pub fn data_hash(data: &Path) -> Result<String, DataError> {
    let mut hash = Sha256::new();
    for folder in folders(data)? {
        let entries =
            std::fs::read_dir(&folder).map_err(|e| DataError::File(folder.display().to_string(), e))?;
        let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
        files.sort();
        for file in files {
            hash.update(file.file_name().map(|n| n.as_encoded_bytes()).unwrap_or_default());
            hash.update(std::fs::read(&file).map_err(|e| DataError::File(file.display().to_string(), e))?);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A message of a restaurant, word by word. Places from the number of restaurants on are their sparse twins.
type Worded<'d> = (usize, &'d Message, Surface<'d>);

/// A message and what was seen in it by weights that it had no part in.
#[derive(Debug)]
pub struct Seen<'d> {
    /// Its restaurant's place.
    pub restaurant: usize,
    /// The message.
    pub message: &'d Message,
    /// Its words.
    pub surface: Surface<'d>,
    /// What rules read.
    pub second: Second,
    /// The readings that were looked at.
    pub candidates: Vec<Candidate>,
    /// Which of them are right.
    pub rights: Vec<bool>,
    /// The best reading.
    pub observed: Observed,
    /// Whether it is the labelled order.
    pub right: bool,
    /// Scores of its kinds.
    pub kinds: [f32; KINDS],
    /// What speaks for and against the reading.
    pub signs: Signs,
    /// How far it is trusted.
    pub trust: f32,
}

impl Seen<'_> {
    /// The kind that it was taken for.
    pub fn kind(&self) -> Kind {
        kind_of(&self.surface, &self.kinds).0
    }

    /// Takes the reading that makes the most sense.
    fn choose(&mut self, sense: &Sense) {
        self.observed = choose(&self.candidates, sense);
        let chosen = self.candidates.iter().position(|c| c.tags == self.observed.tags);
        self.right = chosen.is_some_and(|at| self.rights[at]);
    }

    /// Takes the kinds' scores of the chosen reading, and its signs.
    fn take_signs(&mut self, restaurants: &[&Restaurant], weights: &Weights) {
        self.kinds = kinds(&self.surface, &self.observed, weights, &self.second);
        let restaurant = restaurants[self.restaurant];
        let resolver = Resolver::new(&restaurant.lexicon, &restaurant.names);
        self.signs = signs_of(&self.surface, &resolver, &self.observed, self.kind_odds(), &self.second);
    }

    fn kind_odds(&self) -> f32 {
        kind_of(&self.surface, &self.kinds).1
    }

    /// Whether nothing but trust decides about it.
    fn is_judged(&self) -> bool {
        self.kind() == Kind::Order && doubt(&self.observed, &self.surface, Bounds::default()).is_none()
    }

    /// An order wholly on the menu.
    fn is_order(&self) -> bool {
        self.message.kind() == Kind::Order && !self.message.off_menu
    }

    /// What becomes of it where so much trust is asked for.
    pub fn fate(&self, gate: Gate) -> Fate {
        match (self.is_order(), self.is_judged() && gate.lets_through(self.trust, self.kind_odds())) {
            (true, true) if self.right => Fate::Through,
            (true, true) => Fate::Wrong,
            (true, false) => Fate::Asked,
            (false, true) => Fate::Registered,
            (false, false) => Fate::Kept,
        }
    }
}

/// The messages of restaurants with their words; `first` is the place of the first restaurant.
fn worded(restaurants: &[Restaurant], first: usize) -> Vec<Worded<'_>> {
    let of = |(at, restaurant): (usize, &'_ Restaurant)| (first + at, restaurant.lexicon.clone());
    let places: Vec<_> = restaurants.iter().enumerate().map(of).collect();
    restaurants
        .iter()
        .zip(places)
        .flat_map(|(restaurant, (at, lexicon))| {
            restaurant.messages.iter().map(move |message| (at, message, Surface::of(&message.text, &lexicon)))
        })
        .collect()
}

/// Does something for each thing, on all cores, and gives the results in order.
fn in_parallel<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let chunks: Vec<&[T]> = things.chunks(things.len().div_ceil(threads * 8).max(1)).collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, chunk)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, chunks.get(at)?)))
                {
                    let results: Vec<R> = chunk.iter().map(&work).collect();
                    if let Ok(mut done) = done.lock() {
                        done.push((at, results));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, results)| results).collect()
}

/// Learns the roles: finds them by rules of thumb, learns, finds them anew, learns again.
fn learn_roles(restaurants: &[&Restaurant], messages: &[Worded<'_>], say: bool) -> Weights {
    let orders: Vec<&Worded<'_>> =
        messages.iter().filter(|(_, message, _)| message.kind() == Kind::Order).collect();
    let mut weights: Option<Weights> = None;
    for tries in TRIES {
        let found = in_parallel(&orders, |(at, message, surface)| {
            let tags = latent::roles(restaurants[*at], message, surface, weights.as_ref(), tries)?;
            // A twin is the same restaurant.
            Some(Example::of(surface, *at % (restaurants.len() / 2).max(1), tags))
        });
        let examples: Vec<&Example> = found.iter().flatten().collect();
        if say {
            println!("roles found for {} of {} orders", examples.len(), orders.len());
        }
        weights = Some(crf::learn(&examples));
    }
    weights.unwrap_or_default()
}

fn see<'d>(restaurants: &[&Restaurant], (at, message, surface): &Worded<'d>, weights: &Weights) -> Seen<'d> {
    let restaurant = restaurants[*at];
    let resolver = Resolver::new(&restaurant.lexicon, &restaurant.names);
    let second = Second::by_rules(&message.text, &restaurant.lexicon);
    let candidates = candidates(surface, &resolver, weights, &second);
    let right = |order: &Order| {
        message.kind() == Kind::Order
            && !message.off_menu
            && order.unsold.is_empty()
            && is_right(message, order, &restaurant.lexicon)
    };
    Seen {
        restaurant: *at,
        message,
        surface: surface.clone(),
        rights: candidates.iter().map(|candidate| right(&candidate.order)).collect(),
        observed: choose(&candidates, &weights.sense),
        second,
        candidates,
        right: false,
        kinds: [0.0; KINDS],
        signs: [0.0; trust::SIGNS],
        trust: 0.0,
    }
}

/// What was seen, by group: each is judged by what the others taught.
struct Left<'s, 'd> {
    seen: &'s mut [Seen<'d>],
    features: Vec<Vec<u32>>,
}

fn group(restaurant: usize) -> usize {
    restaurant % GROUPS
}

/// The part of what was seen that a judgement is learned from; all of it without a group.
fn taught<'s, 'd>(
    seen: &'s [Seen<'d>],
    left_out: Option<usize>,
) -> impl Iterator<Item = (usize, &'s Seen<'d>)> {
    seen.iter().enumerate().filter(move |(_, seen)| Some(group(seen.restaurant)) != left_out)
}

fn learn_sense(seen: &[Seen<'_>], left_out: Option<usize>) -> Sense {
    let some_right = taught(seen, left_out).filter(|(_, seen)| seen.rights.contains(&true));
    let examples: Vec<linear::Ranked<'_>> = some_right
        .map(|(_, seen)| (seen.candidates.as_slice(), seen.rights.as_slice(), seen.restaurant))
        .collect();
    linear::ranks(&examples)
}

fn learn_trust(seen: &[Seen<'_>], left_out: Option<usize>) -> Vec<f32> {
    let judged = taught(seen, left_out).filter(|(_, seen)| seen.is_judged());
    linear::trust(&judged.map(|(_, seen)| (seen.signs, seen.right)).collect::<Vec<_>>())
}

impl Left<'_, '_> {
    fn learn_kinds(&self, left_out: Option<usize>) -> Weights {
        let kind = |message: &Message| Kind::ALL.iter().position(|k| *k == message.kind()).unwrap_or(2);
        let examples: Vec<(&[u32], usize, usize)> = taught(self.seen, left_out)
            .map(|(at, seen)| (self.features[at].as_slice(), kind(seen.message), seen.restaurant))
            .collect();
        Weights { kinds: linear::kinds(&examples), ..Weights::default() }
    }

    /// Chooses among the candidates, then the kinds, then the trust; each step needs the one before.
    fn judge(&mut self, restaurants: &[&Restaurant]) {
        for left_out in 0..GROUPS {
            let sense = learn_sense(self.seen, Some(left_out));
            for seen in self.seen.iter_mut().filter(|seen| group(seen.restaurant) == left_out) {
                seen.choose(&sense);
            }
        }
        for (seen, features) in self.seen.iter().zip(&mut self.features) {
            features.clear();
            kind_features(&seen.surface, &seen.observed, &seen.second, |feature| features.push(feature));
        }
        for left_out in 0..GROUPS {
            let weights = self.learn_kinds(Some(left_out));
            for seen in self.seen.iter_mut().filter(|seen| group(seen.restaurant) == left_out) {
                seen.take_signs(restaurants, &weights);
            }
        }
        for left_out in 0..GROUPS {
            let weights = learn_trust(self.seen, Some(left_out));
            for seen in self.seen.iter_mut().filter(|seen| group(seen.restaurant) == left_out) {
                seen.trust = trust::weigh(&seen.signs, &weights);
            }
        }
    }
}

/// The least that an order must reach for no more than a share of the orders to go wrong, and of the others to be
/// registered.
fn gate(seen: &[Seen<'_>], wrong_share: f64) -> Gate {
    let orders = seen.iter().filter(|seen| seen.is_order()).count() as f64;
    let others = seen.iter().filter(|seen| seen.message.kind() != Kind::Order).count() as f64;
    let wrong = seen.iter().filter(|seen| seen.is_judged() && seen.is_order() && !seen.right);
    let trust = least(wrong.map(|seen| seen.trust).collect(), wrong_share * orders);
    let taken = seen.iter().filter(|s| s.is_judged() && s.message.kind() != Kind::Order && s.trust >= trust);
    Gate { trust, kind: least(taken.map(Seen::kind_odds).collect(), OTHERS_SHARE * others).max(0.0) }
}

/// The least value that only so many of the values reach.
fn least(mut values: Vec<f32>, allowed: f64) -> f32 {
    values.sort_by(|a, b| b.total_cmp(a));
    values.get(allowed as usize).map_or(0.0, |value| value + 1e-4)
}

/// Learns everything, and says what it is worth on restaurants left out; shows the failures of one, or of `all`.
pub fn train(restaurants: &[Restaurant], failures: Option<&str>) -> Weights {
    let twins: Vec<Restaurant> = restaurants.iter().map(Restaurant::sparse).collect();
    let both: Vec<&Restaurant> = restaurants.iter().chain(&twins).collect();
    let own = worded(restaurants, 0);
    let every: Vec<Worded<'_>> = own.iter().cloned().chain(worded(&twins, restaurants.len())).collect();
    let group_of = |place: usize| group(place % restaurants.len().max(1));

    let mut seen: Vec<Seen<'_>> = Vec::new();
    for left_out in 0..GROUPS {
        let teach: Vec<_> = every.iter().filter(|(at, ..)| group_of(*at) != left_out).cloned().collect();
        let ask: Vec<_> = own.iter().filter(|(at, ..)| group_of(*at) == left_out).cloned().collect();
        let weights = learn_roles(&both, &teach, left_out == 0);
        seen.extend(in_parallel(&ask, |one| see(&both, one, &weights)));
    }
    seen.sort_by_key(|seen| seen.restaurant);
    let features = vec![Vec::new(); seen.len()];
    let mut left = Left { seen: &mut seen, features };
    left.judge(&both);

    let mut weights = learn_roles(&both, &every, false);
    weights.kinds = left.learn_kinds(None).kinds;
    weights.sense = learn_sense(&seen, None);
    weights.trust = learn_trust(&seen, None);
    weights.gate = gate(&seen, WRONG_SHARE);
    report(restaurants, &seen, weights.gate, failures);
    weights
}

/// What weights are worth on restaurants that they were not made from.
pub fn measure(restaurants: &[Restaurant], weights: &Weights, failures: Option<&str>) {
    let all: Vec<&Restaurant> = restaurants.iter().collect();
    let mut seen = in_parallel(&worded(restaurants, 0), |one| {
        let mut seen = see(&all, one, weights);
        seen.choose(&weights.sense);
        seen.take_signs(&all, weights);
        seen.trust = trust::weigh(&seen.signs, &weights.trust);
        seen
    });
    seen.sort_by_key(|seen| seen.restaurant);
    report(restaurants, &seen, weights.gate, failures);
}

fn report(restaurants: &[Restaurant], seen: &[Seen<'_>], asked: Gate, failures: Option<&str>) {
    let mut all = Fates::default();
    let width = restaurants.iter().map(|restaurant| restaurant.name.len()).max().unwrap_or(0);
    for (at, restaurant) in restaurants.iter().enumerate() {
        let mut fates = Fates::default();
        for seen in seen.iter().filter(|seen| seen.restaurant == at) {
            let right_kind = seen.kind() == seen.message.kind();
            fates.add(
                seen.message.kind() == Kind::Order,
                seen.message.off_menu,
                right_kind,
                seen.fate(asked),
            );
            if failures.is_some_and(|name| name == "all" || name == restaurant.name) {
                show::failure(restaurant, seen, asked);
            }
        }
        println!("{:width$} {fates}", restaurant.name);
        all.merge(&fates);
    }
    println!("{:width$} {all}", "left out");
    let orders: Vec<&Seen<'_>> = seen.iter().filter(|seen| seen.is_order()).collect();
    let share = |part: usize| 100.0 * part as f64 / orders.len().max(1) as f64;
    println!(
        "the right order is the chosen one in {:.1} %, among those looked at in {:.1} %",
        share(orders.iter().filter(|seen| seen.right).count()),
        share(orders.iter().filter(|seen| seen.rights.contains(&true)).count()),
    );
    let judged = |right: bool| orders.iter().filter(|seen| seen.is_judged() && seen.right == right).count();
    println!(
        "where nothing but trust decides, {:.1} % are right and {:.1} % wrong",
        share(judged(true)),
        share(judged(false)),
    );
    for wrong in [0.005, 0.01, 0.02, 0.03, 0.05] {
        let least = gate(seen, wrong);
        let through = orders.iter().filter(|seen| seen.fate(least) == Fate::Through).count();
        println!("at {:.1} % wrong {:.1} % go through", 100.0 * wrong, share(through));
    }
}
