//! The formats' own tools read what is written here, and what they write is read.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use nix_io::compression::{Compression, DecompressErrorKind, Level};
use test_data::missing;

use crate::support::{CODECS, kind, packed, packed_at, sample, unpacked};

fn tool(compression: Compression) -> &'static str {
    match compression {
        Compression::Xz => "xz",
        Compression::Zstd => "zstd",
        Compression::Bzip2 => "bzip2",
        Compression::Gzip => "gzip",
        _ => "brotli",
    }
}

/// Whether the tool is there; says so where it is not.
fn is_there(compression: Compression) -> bool {
    let tool = tool(compression);
    let mut version = Command::new(tool);
    version.arg("--help").stdin(Stdio::null());
    let found = version.output();
    if found.is_err() {
        missing(&format!("there is no {tool}"));
    }
    found.is_ok()
}

/// Pipes `input` through the tool of a compression; nothing where it fails.
fn pipe(compression: Compression, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(tool(compression))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the tool is there");
    let mut stdin = child.stdin.take().expect("a pipe");
    thread::scope(|scope| {
        scope.spawn(move || {
            // A tool that refuses its input closes the pipe before its end.
            let _ = stdin.write_all(input);
        });
        let output = child.wait_with_output().expect("the tool ends");
        output.status.success().then_some(output.stdout)
    })
}

fn options(compression: Compression) -> &'static [&'static [&'static str]] {
    match compression {
        Compression::Xz => &[
            &[],
            &["-0"],
            &["-9e", "-T1"],
            &["-T2", "--block-size=30000"],
            &["--block-size=20000", "--check=sha256"],
            &["--check=crc32"],
            &["--check=none"],
            &["--delta=dist=4", "--lzma2=preset=1"],
            &["--x86", "--lzma2=preset=2,lc=0,lp=2,pb=0"],
            &["--arm", "--delta", "--lzma2=preset=2,dict=4KiB"],
        ],
        Compression::Zstd => &[
            &[],
            &["-1", "--no-check"],
            &["-19", "--check"],
            &["--ultra", "-22", "--long=27"],
            &["--fast=5"],
            &["-T2", "-B65536"],
        ],
        Compression::Bzip2 | Compression::Gzip => &[&[], &["-1"], &["-9"]],
        _ => &[&[], &["-q", "0"], &["-q", "5", "-w", "10"], &["-w", "24"]],
    }
}

#[test]
fn what_the_tools_write_is_read() {
    for compression in CODECS {
        if !is_there(compression) {
            continue;
        }
        for data in [sample(0), sample(1), sample(150_000)] {
            for options in options(compression) {
                let arguments = [&["-c"], *options].concat();
                let file = pipe(compression, &arguments, &data).expect("the tool compresses");
                let found = unpacked(compression, &file);
                let len = data.len();
                let found =
                    found.unwrap_or_else(|e| panic!("{compression} {options:?} {len}: {e}"));
                assert!(found == data, "{compression} {options:?} {len}");
            }
        }
    }
}

#[test]
fn the_tools_read_what_is_written() {
    for compression in CODECS {
        if !is_there(compression) {
            continue;
        }
        let long = sample(3 << 19);
        let levels = [
            *compression.levels().start(),
            5.min(*compression.levels().end()),
        ];
        for data in [&long[..0], &long[..1], &long[..70_000], &long] {
            for level in levels {
                let file = packed_at(compression, Level::Number(level), data);
                let found = pipe(compression, &["-dc"], &file).expect("the tool decompresses");
                assert!(found == data, "{compression} {level} {}", data.len());
            }
        }
        let twice = packed(compression, b"one").repeat(2);
        if compression != Compression::Brotli {
            assert_eq!(pipe(compression, &["-dc"], &twice).unwrap(), b"oneone");
        }
    }
}

#[test]
fn windows_that_a_tool_writes_only_when_told_to_are_refused() {
    if is_there(Compression::Zstd) {
        let arguments = ["-c", "-1", "--zstd=wlog=28"];
        let file = pipe(Compression::Zstd, &arguments, b"data").unwrap();
        let found = kind(unpacked(Compression::Zstd, &file));
        assert_eq!(found, DecompressErrorKind::Window { max: 128 << 20 });
    }
    if is_there(Compression::Xz) {
        let arguments = ["-c", "-T1", "--lzma2=preset=0,dict=192MiB"];
        let file = pipe(Compression::Xz, &arguments, b"data").unwrap();
        let found = kind(unpacked(Compression::Xz, &file));
        assert_eq!(found, DecompressErrorKind::Window { max: 128 << 20 });
    }
}
