//! Follows the chunks of a body without keeping them: where they end, and what stands between them.
//!
//! Bytes of a chunked body come in as they were read; the trailer lines go out, and whether a chunk had
//! an extension (RFC 9112 section 7.1). hyper reads the same bytes and decides what is valid: here a
//! byte that does not fit only ends the following.

/// Where in a chunked body the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the line that says how long the next chunk is.
    Size(u64),
    /// Behind the digits of that line.
    Extension(u64),
    /// Before the line feed that ends it.
    SizeEnd(u64),
    /// In a chunk, with so many bytes to come.
    Data(u64),
    /// Before the line end behind a chunk.
    DataEnd,
    /// In the trailer section, which an empty line ends.
    Trailers,
    /// Behind the body.
    End,
    /// Somewhere that is no chunked body.
    Lost,
}

/// A chunked body that is being followed.
#[derive(Debug)]
pub(crate) struct Chunks {
    at: At,
    trailer_bytes_max: usize,
    pub(crate) has_extensions: bool,
    /// The trailer section, with the empty line that ends it once that has come.
    pub(crate) trailers: Vec<u8>,
}

impl Chunks {
    /// Begins before the first chunk.
    pub(crate) const fn new(trailer_bytes_max: usize) -> Self {
        Self { at: At::Size(0), trailer_bytes_max, has_extensions: false, trailers: Vec::new() }
    }

    /// Tells whether the body has ended, trailers and all.
    pub(crate) fn has_ended(&self) -> bool {
        self.at == At::End
    }

    /// Follows these bytes and returns those behind the end of the body.
    pub(crate) fn feed<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        loop {
            match self.at {
                At::End => return bytes,
                At::Lost => return &[],
                At::Data(left) => {
                    let taken = usize::try_from(left).map_or(bytes.len(), |it| it.min(bytes.len()));
                    bytes = &bytes[taken..];
                    let left = left - taken as u64;
                    self.at = if left == 0 { At::DataEnd } else { At::Data(left) };
                }
                _ => {}
            }
            let Some((byte, rest)) = bytes.split_first() else { return bytes };
            self.at = self.step(*byte);
            bytes = rest;
        }
    }

    fn step(&mut self, byte: u8) -> At {
        match (self.at, byte) {
            (At::Size(size) | At::Extension(size), b'\r') => At::SizeEnd(size),
            (At::Size(size), b' ' | b'\t') => At::Extension(size),
            (At::Size(size) | At::Extension(size), b';') => {
                self.has_extensions = true;
                At::Extension(size)
            }
            (At::Size(size), _) => char::from(byte)
                .to_digit(16)
                .and_then(|digit| size.checked_mul(16)?.checked_add(digit.into()))
                .map_or(At::Lost, At::Size),
            (At::Extension(size), _) => At::Extension(size),
            (At::SizeEnd(0), b'\n') => At::Trailers,
            (At::SizeEnd(size), b'\n') => At::Data(size),
            (At::DataEnd, b'\r') => At::DataEnd,
            (At::DataEnd, b'\n') => At::Size(0),
            (At::Trailers, _) if self.trailers.len() < self.trailer_bytes_max => {
                self.trailers.push(byte);
                let is_end = self.trailers == b"\r\n" || self.trailers.ends_with(b"\r\n\r\n");
                if is_end { At::End } else { At::Trailers }
            }
            _ => At::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Follows a body in pieces of this many bytes.
    fn follow(body: &[u8], piece: usize) -> (Chunks, Vec<u8>) {
        let mut chunks = Chunks::new(100);
        let mut behind = Vec::new();
        for piece in body.chunks(piece) {
            behind.extend_from_slice(chunks.feed(piece));
        }
        (chunks, behind)
    }

    #[test]
    fn what_stands_between_the_chunks_is_seen_however_the_bytes_come() {
        let body = b"3;a=1\r\nab\n\r\n0A \r\n0\r\n0\r\n\r\nxx\r\n0\r\nA: 1\r\nb: 2\r\n\r\nGET /";
        for piece in 1..=body.len() {
            let (chunks, behind) = follow(body, piece);
            assert!(chunks.has_ended() && chunks.has_extensions, "{piece}");
            assert_eq!(chunks.trailers, b"A: 1\r\nb: 2\r\n\r\n");
            assert_eq!(behind, b"GET /");
        }
        let (chunks, behind) = follow(b"0\r\n\r\n", 1);
        assert!(chunks.has_ended() && !chunks.has_extensions);
        assert_eq!((chunks.trailers.as_slice(), behind.as_slice()), (&b"\r\n"[..], &b""[..]));
    }

    #[test]
    fn what_is_no_chunk_is_not_followed() {
        for bad in ["-1\r\n", "0x0\r\n\r\n", "11111111111111111\r\n", "1\r\nabc\r\n", "1\n"] {
            let (chunks, behind) = follow(bad.as_bytes(), 100);
            assert!(!chunks.has_ended() && behind.is_empty(), "{bad:?}");
        }
        let (chunks, _) = follow(format!("0\r\nx: {}\r\n\r\n", "x".repeat(200)).as_bytes(), 7);
        assert!(!chunks.has_ended() && chunks.trailers.len() == 100, "bounded");
    }

    proptest! {
        #[test]
        fn any_chunks_end_where_they_end(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            piece in 1_usize..50,
        ) {
            let mut body = Vec::new();
            for part in &parts {
                body.extend(format!("{:x}\r\n", part.len()).bytes());
                body.extend(part);
                body.extend(b"\r\n");
            }
            body.extend(b"0\r\n\r\nnext");
            let (chunks, behind) = follow(&body, piece);
            prop_assert!(chunks.has_ended());
            prop_assert_eq!(behind, b"next");
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            follow(&bytes, 3);
        }
    }
}
