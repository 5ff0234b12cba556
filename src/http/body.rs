//! Reading a request's body under a cap, a minimum rate, and a bound on what all bodies together may hold in memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::error::Problem;

/// Bodies up to this are not counted against the memory of all bodies: the connection cap bounds them.
const UNCOUNTED_BYTES_MAX: usize = 16 << 10;
/// An oversized body is read to its end up to this many times the cap, so that its sender gets to read the answer.
const DRAIN_TIMES_MAX: usize = 4;

/// How bodies are read; shared by all requests.
pub(crate) struct BodyReader {
    grace: Duration,
    bytes_per_s_min: u64,
    memory_kib: Arc<Semaphore>,
    memory_kib_max: usize,
}

/// A body in memory. Its share of the bound is given back when this is dropped.
pub(crate) struct ReadBody {
    /// The bytes as sent.
    pub(crate) bytes: Bytes,
    _permit: Option<OwnedSemaphorePermit>,
}

impl BodyReader {
    /// Makes a reader: `grace_ms` for any body, beyond it the rate must be kept; `memory_bytes_max` bounds all bodies.
    pub(crate) fn new(grace_ms: u64, bytes_per_s_min: u64, memory_bytes_max: usize) -> Self {
        let permits = (memory_bytes_max >> 10).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            grace: Duration::from_millis(grace_ms),
            bytes_per_s_min: bytes_per_s_min.max(1),
            memory_kib: Arc::new(Semaphore::new(permits)),
            memory_kib_max: permits,
        }
    }

    /// Returns the bytes that bodies hold while they are read, and how many they may.
    pub(crate) fn memory(&self) -> (usize, usize) {
        let free = self.memory_kib.available_permits();
        (self.memory_kib_max.saturating_sub(free) << 10, self.memory_kib_max << 10)
    }

    /// Reads a body of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// `TooLarge` (413), `SlowBody` (408), `Overloaded` (503), or `Invalid` when the connection breaks.
    pub(crate) async fn read(&self, mut body: Body, bytes_max: usize) -> Result<ReadBody, Problem> {
        let start = Instant::now();
        let announced = body.size_hint().lower();
        if announced > bytes_max as u64 {
            return Err(self.drain(body, start, bytes_max).await);
        }
        let Some(first) = self.next(&mut body, start, 0).await? else {
            return Ok(ReadBody { bytes: Bytes::new(), _permit: None });
        };
        if body.is_end_stream() && first.len() <= bytes_max {
            return Ok(ReadBody { bytes: first, _permit: None });
        }
        let mut permit = None;
        // What is announced but never sent costs address space only: pages that nobody wrote to are not there.
        let capacity = usize::try_from(announced).unwrap_or(0).max(first.len());
        let mut bytes = Vec::with_capacity(capacity);
        let mut next = Some(first);
        while let Some(chunk) = next {
            if bytes.len() + chunk.len() > bytes_max {
                return Err(self.drain(body, start, bytes_max).await);
            }
            self.reserve(&mut permit, bytes.len() + chunk.len())?;
            bytes.extend_from_slice(&chunk);
            next = self.next(&mut body, start, bytes.len()).await?;
        }
        Ok(ReadBody { bytes: Bytes::from(bytes), _permit: permit })
    }

    /// Reads a JSON body of ours of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// Those of [`read`](Self::read) and of `parse`.
    pub(crate) async fn read_json<T: DeserializeOwned>(&self, body: Body, bytes_max: usize) -> Result<T, Problem> {
        super::parse(&self.read(body, bytes_max).await?.bytes)
    }

    async fn next(&self, body: &mut Body, start: Instant, received: usize) -> Result<Option<Bytes>, Problem> {
        let earned = Duration::from_millis(received as u64 * 1_000 / self.bytes_per_s_min);
        let deadline = start + self.grace + earned;
        loop {
            match timeout_at(deadline, body.frame()).await {
                Err(_) => return Err(Problem::SlowBody),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Problem::invalid("the body broke off before its end")),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    fn reserve(&self, permit: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Problem> {
        if bytes <= UNCOUNTED_BYTES_MAX {
            return Ok(());
        }
        let held = permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = bytes.div_ceil(1 << 10).saturating_sub(held);
        let more = u32::try_from(missing)
            .ok()
            .and_then(|missing| Arc::clone(&self.memory_kib).try_acquire_many_owned(missing).ok());
        let more = more.ok_or(Problem::Overloaded { what: "too many large bodies at once", retry_after_ms: 1_000 })?;
        match permit {
            Some(permit) => permit.merge(more),
            None => *permit = Some(more),
        }
        Ok(())
    }

    async fn drain(&self, mut body: Body, start: Instant, bytes_max: usize) -> Problem {
        let limit = bytes_max.saturating_mul(DRAIN_TIMES_MAX);
        let mut received = 0;
        if body.size_hint().lower() <= limit as u64 {
            while received <= limit {
                match self.next(&mut body, start, received).await {
                    Ok(Some(chunk)) => received += chunk.len(),
                    Ok(None) | Err(_) => break,
                }
            }
        }
        Problem::TooLarge(format!("the body is over {bytes_max} bytes").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    fn chunks(sizes: &[usize]) -> Body {
        let chunks: Vec<Result<Bytes, std::io::Error>> = sizes.iter().map(|size| Ok(vec![7; *size].into())).collect();
        Body::from_stream(stream::iter(chunks))
    }

    #[tokio::test]
    async fn bodies_are_read_whole_up_to_the_cap() {
        let reader = BodyReader::new(1_000, 1_000, 1 << 20);
        assert_eq!(reader.read(Body::from("abc"), 3).await.unwrap().bytes, "abc");
        assert_eq!(reader.read(chunks(&[40_000, 1, 9]), 40_010).await.unwrap().bytes.len(), 40_010);
        assert!(matches!(reader.read(Body::from("abcd"), 3).await, Err(Problem::TooLarge(_))));
        assert!(matches!(reader.read(chunks(&[2, 2]), 3).await, Err(Problem::TooLarge(_))));
        assert_eq!(reader.read(Body::empty(), 3).await.unwrap().bytes, "");
    }

    #[tokio::test]
    async fn all_bodies_together_are_bounded() {
        let reader = BodyReader::new(1_000, 1_000, 64 << 10);
        let held = reader.read(chunks(&[50_000, 1]), 100_000).await.unwrap();
        assert!(matches!(reader.read(chunks(&[50_000, 1]), 100_000).await, Err(Problem::Overloaded { .. })));
        assert!(reader.read(chunks(&[10_000, 1]), 100_000).await.is_ok(), "small ones pass");
        drop(held);
        assert!(reader.read(chunks(&[50_000, 1]), 100_000).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_given_up() {
        let reader = BodyReader::new(20, 1_000, 1 << 20);
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"abc"))]);
        let body = Body::from_stream(futures::StreamExt::chain(begun, stream::pending()));
        assert!(matches!(reader.read(body, 100).await, Err(Problem::SlowBody)));
    }
}
