//! The least HTTP/1.1 client that can drive a server from the same two cores: prepared requests, keep-alive, no allocation a
//! request.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    body: std::ops::Range<usize>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10), body: 0..0 })
    }

    /// Sends a whole request and reads the whole answer: its status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let text = std::str::from_utf8(&self.buffer[..head]).context("a head that is not text")?;
        let status = text.get(9..12).and_then(|status| status.parse().ok()).context("no status line")?;
        let header = |name: &str| {
            text.split("\r\n").find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let Some(length) = header("content-length").map(str::parse::<usize>).transpose()? else {
            bail!("an answer without a length: {text}");
        };
        while self.buffer.len() < head + length {
            self.read_more().await?;
        }
        self.body = head..head + length;
        Ok(status)
    }

    /// Returns the last answer's body.
    pub(crate) fn body(&self) -> &[u8] {
        &self.buffer[self.body.clone()]
    }

    async fn read_more(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

/// Returns a POST request with the bench's key.
pub(crate) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    request("POST", path, body)
}

/// Returns a PUT request with the bench's key.
pub(crate) fn put(path: &str, body: &[u8]) -> Vec<u8> {
    request("PUT", path, body)
}

fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: weir\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        super::server::KEY,
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}
