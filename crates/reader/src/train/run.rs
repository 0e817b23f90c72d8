//! From folders of labelled messages to weights, and what the weights are worth on restaurants left out.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::crf::{self, Example};
use super::gold::{DataError, Message, Restaurant, is_right, read_restaurant};
use super::report::{Fate, Fates};
use super::{latent, linear};
use crate::read::{Doubt, doubt};
use crate::resolve::Resolver;
use crate::rules::extract::Bounds;
use crate::second::Second;
use crate::surface::Surface;
use crate::tag::Tag;
use crate::trust::{self, Signs, unexplained};
use crate::weights::Weights;
use crate::order::Order;
use crate::{Candidate, Kind, Observed, candidates, choose, kind_features, kind_of, kinds, signs_of};

/// Never learned from and never looked at: what they say goes to the README.
pub const HELD_OUT: [&str; 4] = ["deli", "pho", "smash-burgers", "souvlaki"];
/// Groups of restaurants; each is read by what the others taught.
const GROUPS: usize = 5;
/// How many of a hundred orders may go wrong to the kitchen, with what must not be registered at all counted in.
const WRONG_SHARE: f32 = 0.02;
/// Readings that are tried for a label, in the first round and later.
const TRIES: [usize; 3] = [200, 100, 100];

/// The folders of restaurants that are learned from, in the order of their names.
fn folders(data: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = std::fs::read_dir(data).map_err(|e| DataError::File(data.display().to_string(), e))?;
    let learned = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        path.join("menu.csv").is_file() && !HELD_OUT.contains(&name.as_str())
    };
    let mut folders: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).filter(learned).collect();
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

/// A message and what was seen in it by weights that it had no part in.
pub struct Seen<'d> {
    /// Its restaurant's place.
    pub restaurant: usize,
    /// The message.
    pub message: &'d Message,
    /// Its words.
    pub surface: Surface<'d>,
    /// What was read by other means.
    pub second: Second,
    /// The readings that were looked at.
    pub candidates: Vec<Candidate>,
    /// Which of them are right.
    pub rights: Vec<bool>,
    /// The best reading.
    pub observed: Observed,
    /// Whether the order is the labelled one.
    pub right: bool,
}

/// All messages with their words.
fn surfaces(restaurants: &[Restaurant]) -> Vec<(usize, &Message, Surface<'_>)> {
    let each = |(at, restaurant): (usize, &'_ Restaurant)| {
        let _ = at;
        let _ = restaurant;
    };
    let _ = each;
    restaurants
        .iter()
        .enumerate()
        .flat_map(|(at, restaurant)| {
            restaurant
                .messages
                .iter()
                .map(move |message| (at, message, Surface::of(&message.text, &restaurant.lexicon)))
        })
        .collect()
}

/// Does something for each thing, on both cores, in order.
fn in_parallel<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let size = things.len().div_ceil(threads * 8).max(1);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let chunks: Vec<&[T]> = things.chunks(size).collect();
    let done = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(chunk) = chunks.get(at) else { return };
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

/// Learns the roles from some restaurants: finds them by rules of thumb, learns, finds them anew, learns again.
fn roles(restaurants: &[&Restaurant], all: &[(usize, &Message, Surface<'_>)], say: bool) -> Weights {
    let all: Vec<_> = all.iter().filter(|(_, message, _)| message.kind() == Kind::Order).collect();
    let mut weights: Option<Weights> = None;
    for (round, tries) in TRIES.into_iter().enumerate() {
        let found = in_parallel(&all, |(at, message, surface)| {
            let tags = latent::roles(restaurants[*at], message, surface, weights.as_ref(), tries)?;
            Some(Example::of(surface, *at % (restaurants.len() / 2), tags))
        });
        if say {
            let orders = all.iter().filter(|(_, m, _)| m.kind() == Kind::Order).count();
            let missing = found.iter().filter(|f| f.is_none()).count();
            println!("round {round}: roles found for {} of {orders} orders", orders - missing);
        }
        if say && round == 2 {
            for ((at, message, surface), found) in all.iter().zip(&found) {
                let Some(found) = found else {
                    println!("LOST {} {:?} {:?}", restaurants[*at].name, message.text, message.items.iter().map(|i| format!("{} {} {:?} {:?}", i.quantity, i.item, i.size, i.modifiers.iter().map(|m| format!("{:?} {}", m.op, m.name)).collect::<Vec<_>>())).collect::<Vec<_>>());
                    continue };
                let tags: Vec<String> = crate::order::chunks(&found.tags).iter().map(|c| format!("{}:{}", c.tag.name(), surface.words(c.first, c.end))).collect();
                println!("FOUND {} {:?}\n    {}", restaurants[*at].name, message.text, tags.join(" | "));
            }
        }
        let examples: Vec<&Example> = found.iter().flatten().collect();
        let learnt = crf::learn(&examples);
        if say {
            let right = in_parallel(&all, |(at, message, surface)| {
                if *at >= restaurants.len() / 2 || message.off_menu { return 0 }
                let resolver = Resolver::new(&restaurants[*at].lexicon, &restaurants[*at].names);
                let c = candidates(surface, &resolver, &learnt, &Second::default());
                usize::from(is_right(message, &c[0].order, &restaurants[*at].lexicon))
            });
            println!("round {round}: fit {}", right.iter().sum::<usize>());
        }
        weights = Some(learnt);
    }
    weights.unwrap_or_default()
}

/// What is seen in a message by weights.
fn see<'d>(
    restaurants: &'d [Restaurant],
    (at, message, surface): &(usize, &'d Message, Surface<'d>),
    weights: &Weights,
) -> Seen<'d> {
    let restaurant = &restaurants[*at];
    let resolver = Resolver::new(&restaurant.lexicon, &restaurant.names);
    let second = Second::by_rules(&message.text, &restaurant.lexicon);
    let candidates = candidates(surface, &resolver, weights, &second);
    let right = |order: &Order| {
        message.kind() == Kind::Order
            && !message.off_menu
            && order.unsold.is_empty()
            && is_right(message, order, &restaurant.lexicon)
    };
    let rights = candidates.iter().map(|candidate| right(&candidate.order)).collect();
    let observed = choose(&candidates, &weights.sense);
    Seen { restaurant: *at, message, surface: surface.clone(), second, candidates, rights, observed, right: false }
}

/// Chooses among the candidates anew, by what other groups taught about sense.
fn rank(seen: &mut [Seen<'_>], group: impl Fn(usize) -> usize) {
    for left_out in 0..GROUPS {
        let examples: Vec<(&[Candidate], Vec<bool>)> = seen
            .iter()
            .filter(|seen| group(seen.restaurant) != left_out && seen.rights.contains(&true))
            .map(|seen| (seen.candidates.as_slice(), seen.rights.clone()))
            .collect();
        let sense = linear::ranks(&examples);
        if left_out == 0 {
            println!("sense {sense:.2?}");
        }
        for seen in seen.iter_mut().filter(|seen| group(seen.restaurant) == left_out) {
            seen.observed = choose(&seen.candidates, &sense);
            let chosen = seen.candidates.iter().position(|c| c.tags == seen.observed.tags);
            seen.right = chosen.is_some_and(|at| seen.rights[at]);
        }
    }
}

/// The same as the line's own decision.
fn must_ask(observed: &Observed, surface: &Surface<'_>) -> Option<Doubt> {
    doubt(observed, surface, Bounds::default())
}

/// Learns everything, and says what it is worth on restaurants left out.
pub fn train(restaurants: &[Restaurant], show: Option<&str>) -> Weights {
    let count = restaurants.len();
    let twins: Vec<Restaurant> = restaurants.iter().map(Restaurant::sparse).collect();
    let all = surfaces(restaurants);
    let sparse: Vec<_> =
        surfaces(&twins).into_iter().map(|(at, message, surface)| (at + count, message, surface)).collect();
    let both: Vec<&Restaurant> = restaurants.iter().chain(&twins).collect();
    let group = |restaurant: usize| (restaurant % count) % GROUPS;
    let mut seen: Vec<Seen<'_>> = Vec::new();
    for left_out in 0..GROUPS {
        let taught: Vec<_> =
            all.iter().chain(&sparse).filter(|(at, ..)| group(*at) != left_out).cloned().collect();
        let asked: Vec<_> = all.iter().filter(|(at, ..)| group(*at) == left_out).cloned().collect();
        let weights = roles(&both, &taught, left_out == 0);
        seen.extend(in_parallel(&asked, |one| see(restaurants, one, &weights)));
    }
    seen.sort_by_key(|seen| seen.restaurant);
    rank(&mut seen, group);
    let features: Vec<Vec<u32>> = seen
        .iter()
        .map(|seen| {
            let mut all = Vec::new();
            kind_features(&seen.surface, &seen.observed, &seen.second, |f| all.push(f));
            all
        })
        .collect();
    let mut kinds_of = vec![[0.0; 3]; seen.len()];
    for left_out in 0..GROUPS {
        let examples: Vec<(&[u32], usize, usize)> = seen
            .iter()
            .zip(&features)
            .filter(|(seen, _)| group(seen.restaurant) != left_out)
            .map(|(seen, features)| (features.as_slice(), kind_index(seen.message), seen.restaurant))
            .collect();
        let weights = Weights { kinds: linear::kinds(&examples), ..Weights::default() };
        for (seen, scores) in seen.iter().zip(&mut kinds_of) {
            if group(seen.restaurant) == left_out {
                *scores = kinds(&seen.surface, &seen.observed, &weights, &seen.second);
            }
        }
    }
    let signs: Vec<Signs> = seen
        .iter()
        .zip(&kinds_of)
        .map(|(seen, scores)| {
            let restaurant = &restaurants[seen.restaurant];
            let resolver = Resolver::new(&restaurant.lexicon, &restaurant.names);
            signs_of(&seen.surface, &resolver, &seen.observed, kind_of(&seen.surface, scores).1, &seen.second)
        })
        .collect();
    let decided = |at: usize| {
        kind_of(&seen[at].surface, &kinds_of[at]).0 == Kind::Order
            && must_ask(&seen[at].observed, &seen[at].surface).is_none()
    };
    let judged: Vec<usize> = (0..seen.len()).filter(|at| decided(*at)).collect();
    let mut trusts = vec![0.0_f32; seen.len()];
    for left_out in 0..GROUPS {
        let examples: Vec<(Signs, bool)> = judged
            .iter()
            .filter(|at| group(seen[**at].restaurant) != left_out)
            .map(|at| (signs[*at], seen[*at].right))
            .collect();
        let weights = linear::trust(&examples);
        for at in &judged {
            if group(seen[*at].restaurant) == left_out {
                trusts[*at] = trust::weigh(&signs[*at], &weights);
            }
        }
    }
    let onmenu: Vec<usize> = (0..seen.len()).filter(|at| seen[*at].message.kind() == Kind::Order && !seen[*at].message.off_menu).collect();
    println!("right among candidates {}", onmenu.iter().filter(|at| seen[**at].rights.contains(&true)).count());
    println!("right readings {} of {}", onmenu.iter().filter(|at| seen[**at].right).count(), onmenu.len());
    let mut reasons: std::collections::BTreeMap<(String, bool), usize> = Default::default();
    for at in &onmenu {
        let kind = kind_of(&seen[*at].surface, &kinds_of[*at]).0 == Kind::Order;
        let why = match must_ask(&seen[*at].observed, &seen[*at].surface) {
            _ if !kind => "kind".to_owned(),
            None => "-".to_owned(),
            Some(doubt) => format!("{doubt:?}").split(['(', '[']).next().unwrap_or_default().to_owned(),
        };
        *reasons.entry((why, seen[*at].right)).or_default() += 1;
    }
    println!("{reasons:?}");
    for bound in [0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95] {
        let fates = fates(&seen, &kinds_of, &trusts, bound);
        println!("bound {bound:.2}  {}", total(&fates));
    }
    let bound = 0.5;
    for (restaurant, fates) in restaurants.iter().zip(fates(&seen, &kinds_of, &trusts, bound)) {
        println!("{:14} {fates}", restaurant.name);
    }
    if show == Some("wrong") {
        let mut wrong: Vec<usize> = judged.iter().copied().filter(|at| !seen[*at].right).collect();
        wrong.sort_by(|a, b| trusts[*b].total_cmp(&trusts[*a]));
        let weights = linear::trust(&judged.iter().map(|at| (signs[*at], seen[*at].right)).collect::<Vec<_>>());
        println!("{weights:.2?}");
        for at in wrong.iter().take(110) {
            println!("{}", restaurants[seen[*at].restaurant].name);
            show_one(&seen[*at], Kind::Order, trusts[*at], Fate::Wrong);
        }
    } else if show == Some("ranks") {
        for one in seen.iter().filter(|s| s.message.kind() == Kind::Order && !s.message.off_menu && !s.right) {
            let best = one.rights.iter().position(|r| *r);
            println!("\n{} {} {:?}", if best.is_some() { "RANK" } else { "MISS" }, restaurants[one.restaurant].name, one.message.text);
            for item in &one.message.items {
                let wishes: Vec<String> = item.modifiers.iter().map(|w| format!("{:?} {}", w.op, w.name)).collect();
                println!("   want {} {} {:?} {wishes:?}", item.quantity, item.item, item.size);
            }
            let tags = |tags: &[Tag]| -> String { crate::order::chunks(tags).iter().map(|c| format!("{}:{}", c.tag.name(), one.surface.words(c.first, c.end))).collect::<Vec<_>>().join(" | ") };
            println!("   read {}", tags(&one.observed.tags));
            if let Some(best) = best { println!("   good {}", tags(&one.candidates[best].tags)); } else {
            for line in &one.observed.order.lines {
                let wishes: Vec<String> = line.wishes.iter().map(|w| format!("{:?} {}", w.op, w.thing.name)).collect();
                println!("   got  {} {:?} {:?} {wishes:?}", line.count, line.meant, line.size);
            } }
        }
    } else if let Some(name) = show {
        for (at, one) in seen.iter().enumerate().filter(|(_, s)| restaurants[s.restaurant].name == name) {
            let fate = fate(one, &kinds_of[at], trusts[at], bound);
            let kind = kind_of(&one.surface, &kinds_of[at]).0;
            if fate == Fate::Through || (fate == Fate::Kept && kind == one.message.kind()) {
                continue;
            }
            show_one(one, kind, trusts[at], fate);
        }
    }
    let every: Vec<_> = all.iter().chain(&sparse).cloned().collect();
    let mut weights = roles(&both, &every, false);
    let sensible: Vec<(&[Candidate], Vec<bool>)> = seen
        .iter()
        .filter(|seen| seen.rights.contains(&true))
        .map(|seen| (seen.candidates.as_slice(), seen.rights.clone()))
        .collect();
    weights.sense = linear::ranks(&sensible);
    let examples: Vec<(&[u32], usize, usize)> = seen
        .iter()
        .zip(&features)
        .map(|(seen, features)| (features.as_slice(), kind_index(seen.message), seen.restaurant))
        .collect();
    weights.kinds = linear::kinds(&examples);
    weights.trust = linear::trust(&judged.iter().map(|at| (signs[*at], seen[*at].right)).collect::<Vec<_>>());
    weights.bound = bound_for(&judged, &seen, &trusts);
    println!("bound {:.3}", weights.bound);
    weights
}

/// The least trust at which no more orders go wrong than are allowed.
fn bound_for(judged: &[usize], seen: &[Seen<'_>], trusts: &[f32]) -> f32 {
    let orders = seen.iter().filter(|s| s.message.kind() == Kind::Order && !s.message.off_menu).count();
    let allowed = (WRONG_SHARE * orders as f32) as usize;
    let mut wrong: Vec<f32> = judged.iter().filter(|at| !seen[**at].right).map(|at| trusts[*at]).collect();
    wrong.sort_by(|a, b| b.total_cmp(a));
    wrong.get(allowed).copied().unwrap_or(0.5) + 1e-4
}

fn show_one(seen: &Seen<'_>, kind: Kind, trust: f32, fate: Fate) {
    let why = must_ask(&seen.observed, &seen.surface).map_or("trust".to_owned(), |doubt| doubt.reason());
    println!(
        "\n{fate:?} [{}] {:?}\n   label {} {}; read {} trust {trust:.2} share {:.2} ({why}) right {}",
        seen.message.id,
        seen.message.text,
        seen.message.kind,
        seen.message.off_menu,
        kind.as_str(),
        seen.observed.shares.0,
        seen.right
    );
    for item in &seen.message.items {
        let wishes: Vec<String> =
            item.modifiers.iter().map(|w| format!("{:?} {}", w.op, w.name)).collect();
        println!("   want {} {} {:?} {wishes:?}", item.quantity, item.item, item.size);
    }
    let tags: Vec<String> = crate::order::chunks(&seen.observed.tags)
        .iter()
        .map(|c| format!("{}:{}", c.tag.name(), seen.surface.words(c.first, c.end)))
        .collect();
    println!("   {}", tags.join(" | "));
    for line in &seen.observed.order.lines {
        let wishes: Vec<String> =
            line.wishes.iter().map(|w| format!("{:?} {}", w.op, w.thing.name)).collect();
        println!("   got  {} {:?} {:?} {wishes:?}", line.count, line.meant, line.size);
    }
    if !seen.observed.order.misfits.is_empty() || !seen.observed.order.unsold.is_empty() {
        println!("   misfits {:?} unsold {:?}", seen.observed.order.misfits, seen.observed.order.unsold);
    }
    let open: Vec<&str> = unexplained(&seen.surface, &seen.observed.tags)
        .iter()
        .map(|at| seen.surface.words(*at, at + 1))
        .collect();
    if !open.is_empty() {
        println!("   unexplained {open:?}");
    }
}

fn kind_index(message: &Message) -> usize {
    Kind::ALL.iter().position(|kind| *kind == message.kind()).unwrap_or(2)
}

fn fate(seen: &Seen<'_>, scores: &[f32; 3], trust: f32, bound: f32) -> Fate {
    let registered = kind_of(&seen.surface, scores).0 == Kind::Order
        && must_ask(&seen.observed, &seen.surface).is_none()
        && trust >= bound;
    match (seen.message.kind() == Kind::Order && !seen.message.off_menu, registered) {
        (true, true) if seen.right => Fate::Through,
        (true, true) => Fate::Wrong,
        (true, false) => Fate::Asked,
        (false, true) => Fate::Registered,
        (false, false) => Fate::Kept,
    }
}

fn fates(seen: &[Seen<'_>], kinds: &[[f32; 3]], trusts: &[f32], bound: f32) -> Vec<Fates> {
    let count = seen.iter().map(|s| s.restaurant + 1).max().unwrap_or(0);
    let mut all = vec![Fates::default(); count];
    for (at, one) in seen.iter().enumerate() {
        let kind = kind_of(&one.surface, &kinds[at]).0;
        let order = one.message.kind() == Kind::Order;
        let fate = fate(one, &kinds[at], trusts[at], bound);
        all[one.restaurant].add(order, one.message.off_menu, kind == one.message.kind(), fate);
    }
    all
}

fn total(fates: &[Fates]) -> Fates {
    let mut sum = Fates::default();
    fates.iter().for_each(|fates| sum.merge(fates));
    sum
}

/// The tags of a reading as text, for people.
pub fn shown(tags: &[Tag]) -> String {
    tags.iter().map(|tag| tag.name()).collect::<Vec<_>>().join(" ")
}
