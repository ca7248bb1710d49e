//! Cuts single JSON values out of a stream, without reading further than they reach.

use std::{
    fmt,
    io::{self, BufRead},
};

use crate::path_info::ErrorKind;

/// An input, read value by value.
#[derive(Debug)]
pub(crate) struct Scanner<R> {
    input: R,
    line: u64,
    value_bytes_max: usize,
}

impl<R: BufRead> Scanner<R> {
    pub(crate) fn new(input: R, value_bytes_max: usize) -> Self {
        Self {
            input,
            line: 1,
            value_bytes_max,
        }
    }

    /// Returns the number of the line at hand, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Passes over whitespace and returns the byte that follows, if any.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, ErrorKind> {
        loop {
            let chunk = fill(&mut self.input)?;
            let found = chunk.iter().position(|byte| !byte.is_ascii_whitespace());
            let len = found.unwrap_or(chunk.len());
            let byte = chunk.get(len).copied();
            let at_end = chunk.is_empty();
            self.line += newlines(chunk.get(..len).unwrap_or_default());
            self.input.consume(len);
            if byte.is_some() || at_end {
                return Ok(byte);
            }
        }
    }

    /// Passes over the byte that was peeked at.
    pub(crate) fn skip(&mut self) {
        self.input.consume(1);
    }

    /// Appends the next value to `out`, and returns the line on which it begins. Whether it is JSON
    /// is for a parser to say: here it only ends where its brackets and quotes do.
    pub(crate) fn value(&mut self, out: &mut Vec<u8>) -> Result<u64, ErrorKind> {
        match self.peek()? {
            Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {}
            found => {
                return Err(ErrorKind::Syntax {
                    expected: "a value",
                    found,
                });
            }
        }
        let line = self.line;
        let mut extent = Extent::default();
        loop {
            let chunk = fill(&mut self.input)?;
            if chunk.is_empty() {
                return if extent.may_end() {
                    Ok(line)
                } else {
                    Err(ErrorKind::Syntax {
                        expected: "the rest of a value",
                        found: None,
                    })
                };
            }
            let end = extent.pass(chunk);
            let taken = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            if out.len() + taken.len() > self.value_bytes_max {
                return Err(ErrorKind::TooLarge {
                    max: self.value_bytes_max,
                });
            }
            out.extend_from_slice(taken);
            self.line += newlines(taken);
            let len = taken.len();
            self.input.consume(len);
            if end.is_some() {
                return Ok(line);
            }
        }
    }
}

/// How far into a value the bytes so far have led.
#[derive(Debug, Default)]
struct Extent {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Extent {
    /// Returns whether the value may end where the input does, as a number may.
    fn may_end(&self) -> bool {
        self.depth == 0 && !self.in_string
    }

    /// Passes over a chunk; returns how many bytes of it belong to the value where it ends there.
    fn pass(&mut self, chunk: &[u8]) -> Option<usize> {
        for (at, byte) in chunk.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b'}' | b']' | b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if self.depth == 0 => {
                    return Some(at);
                }
                _ => {}
            }
        }
        None
    }
}

/// The byte that an error names.
pub(crate) struct Found(pub(crate) Option<u8>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("the end of the input"),
            Some(byte) if byte.is_ascii_graphic() => write!(f, "`{}`", char::from(byte)),
            Some(byte) => write!(f, "the byte {byte:#04x}"),
        }
    }
}

fn fill<R: BufRead>(input: &mut R) -> io::Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn values(input: &str, chunk_bytes: usize, max: usize) -> Result<Vec<(u64, String)>, String> {
        let mut scanner =
            Scanner::new(BufReader::with_capacity(chunk_bytes, input.as_bytes()), max);
        let mut values = Vec::new();
        while scanner.peek().map_err(|e| e.to_string())?.is_some() {
            let mut out = Vec::new();
            let line = scanner.value(&mut out).map_err(|e| e.to_string())?;
            values.push((line, String::from_utf8(out).unwrap()));
        }
        Ok(values)
    }

    #[test]
    fn values_end_where_their_brackets_and_quotes_do() {
        let input = "{\"a\":[1,{\"b\":\"}\\\"]\"}]}\n\n[]\"x\\\\\" 12 null\n-1.5e3";
        let expected = [
            "{\"a\":[1,{\"b\":\"}\\\"]\"}]}",
            "[]",
            "\"x\\\\\"",
            "12",
            "null",
            "-1.5e3",
        ];
        for chunk_bytes in 1..40 {
            let found = values(input, chunk_bytes, 100).unwrap();
            let texts: Vec<&str> = found.iter().map(|(_, text)| &**text).collect();
            assert_eq!(texts, expected, "{chunk_bytes}");
            let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [1, 3, 3, 3, 3, 4]);
        }
    }

    #[test]
    fn a_value_cut_short_or_too_large_is_refused() {
        for input in ["{", "[1", "\"", "\"\\", "{\"a\":\"b\"", "[[]"] {
            let error = values(input, 8, 100).unwrap_err();
            assert_eq!(
                error,
                "expected the rest of a value, found the end of the input"
            );
        }
        assert_eq!(
            values("}", 8, 100).unwrap_err(),
            "expected a value, found `}`"
        );
        assert_eq!(
            values("\u{1}", 8, 100).unwrap_err(),
            "expected a value, found the byte 0x01"
        );
        assert_eq!(
            values("\"aaaa\"", 2, 5).unwrap_err(),
            "the entry is larger than 5 bytes"
        );
    }
}
