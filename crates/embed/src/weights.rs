//! A safetensors file, read tensor by tensor and strictly: what is missing, misshapen or left over is an error.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use crate::Error;

/// A file of weights, from which a model takes what it needs by name.
pub struct Checkpoint {
    path: PathBuf,
    file: File,
    /// Where the data begins.
    start: u64,
    tensors: BTreeMap<String, TensorInfo>,
    prefix: &'static str,
}

/// Eight bytes of length stand before the header; no real header comes near this.
const MAX_HEADER: u64 = 64 << 20;

impl Checkpoint {
    /// Opens a file. Some exports put `prefix` before all names of the backbone, some don't; `probe` is a name
    /// that tells.
    pub fn open(path: &Path, prefix: &'static str, probe: &str) -> Result<Checkpoint, Error> {
        let wrong = |reason: String| Error::Weights { path: path.to_owned(), reason };
        let file = File::open(path).map_err(|e| wrong(e.to_string()))?;
        let length = file.metadata().map_err(|e| wrong(e.to_string()))?.len();
        let truncated = |has: u64, wants: u64| {
            wrong(format!(
                "the file is truncated: it has {has} bytes of {wants}; delete it and fetch it again"
            ))
        };
        let mut header = [0; 8];
        file.read_exact_at(&mut header, 0).map_err(|_| truncated(length, 8))?;
        let size = u64::from_le_bytes(header);
        if size > MAX_HEADER {
            return Err(wrong("this is not a safetensors file".to_owned()));
        }
        let mut header = vec![0; size as usize];
        file.read_exact_at(&mut header, 8).map_err(|_| truncated(length, 8 + size))?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|e| wrong(format!("its header cannot be read: {e}")))?;
        let wants = 8 + size + metadata.data_len() as u64;
        if length < wants {
            return Err(truncated(length, wants));
        }
        if length > wants {
            return Err(wrong(format!("the file has {} bytes behind its last tensor", length - wants)));
        }
        let tensors: HashMap<String, &TensorInfo> = metadata.tensors();
        let tensors: BTreeMap<_, _> = tensors.into_iter().map(|(name, info)| (name, info.clone())).collect();
        let prefix = if tensors.contains_key(&format!("{prefix}{probe}")) { prefix } else { "" };
        Ok(Checkpoint { path: path.to_owned(), file, start: 8 + size, tensors, prefix })
    }

    /// The values of a tensor as f32; every tensor can be taken once.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let full = format!("{}{name}", self.prefix);
        let Some(info) = self.tensors.remove(&full) else {
            return Err(self.wrong(format!("the tensor {full} is missing; is this file of another model?")));
        };
        if info.shape != shape {
            let reason =
                format!("the tensor {full} has the shape {:?}, config.json wants {shape:?}", info.shape);
            return Err(self.wrong(reason));
        }
        let dtype = match info.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => {
                return Err(
                    self.wrong(format!("the tensor {full} is of type {other:?}, not f32, f16 or bf16"))
                );
            }
        };
        let (from, to) = info.data_offsets;
        let mut bytes = vec![0; to - from];
        self.file
            .read_exact_at(&mut bytes, self.start + from as u64)
            .map_err(|e| self.wrong(format!("the tensor {full} cannot be read: {e}")))?;
        let tensor = Tensor::from_raw_buffer(&bytes, dtype, shape, &Device::Cpu)?.to_dtype(DType::F32)?;
        Ok(tensor.flatten_all()?.to_vec1()?)
    }

    /// Ends the reading: what was not taken must belong to one of the `heads` that an embedding does without.
    pub fn finish(self, heads: &[&str]) -> Result<(), Error> {
        let known = |name: &str| heads.iter().any(|head| name.starts_with(head));
        let (ignored, left): (Vec<&String>, Vec<&String>) = self.tensors.keys().partition(|name| known(name));
        if !ignored.is_empty() {
            tracing::debug!(tensors = ?ignored, "weights of a head that an embedding does without");
        }
        match left.as_slice() {
            [] => Ok(()),
            [first, ..] => Err(self.wrong(format!(
                "{} tensors are left over, the first is {first}; config.json describes another model",
                left.len()
            ))),
        }
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Weights { path: self.path.clone(), reason }
    }
}
