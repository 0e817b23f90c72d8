//! Sentence embeddings by candle: a text becomes a vector, and texts that mean the same become vectors that
//! point the same way.
//!
//! [`Source`] finds a model (a folder, or the hub), [`Model`] loads it strictly and computes a [`Batch`],
//! [`Embedder`] does so on a thread of its own for many callers.
//!
//! The forward passes are ours: texts stand one after the other without padding, weights are packed once for
//! the matrix products, and what follows a product happens while its block is in the cache. candle's own
//! `modernbert` is the oracle of the tests.
//!
//! ```no_run
//! # async fn example() -> Result<(), embed::Error> {
//! use embed::{Embedder, Limits, Model, Options, cosine};
//!
//! let model = Model::load("models/all-MiniLM-L6-v2".as_ref(), "MiniLM", Options::default())?;
//! let embedder = Embedder::start(model, Limits::default()).await?;
//! let vectors = embedder.embed(&["a coke", "a cola"]).await?;
//! println!("{:.2}", cosine(&vectors[0], &vectors[1]));
//! # Ok(())
//! # }
//! ```

mod batch;
mod bert;
mod config;
mod engine;
mod error;
mod kernel;
mod model;
mod modernbert;
mod ops;
mod source;
mod weights;

pub use batch::Batch;
pub use config::Pooling;
pub use engine::{Embedder, Embedding, Limits};
pub use error::Error;
pub use model::{Model, Options, cosine, text_hash};
pub use source::{DEFAULT_MODEL, DEFAULT_REVISION, Hub, Source};
