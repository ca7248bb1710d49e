//! What a process asked of the kernel, as `strace` tells it.

use std::{collections::HashMap, fs, path::Path, process::Command};

/// What can change files, or lead to what can, and how a process begins others.
const TRACED: &str = "trace=%file,%desc,%process,%network,sync,io_uring_setup";

/// The longest string that is printed whole.
const STRING_BYTES_MAX: &str = "67108864";

/// One call that has returned.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    /// What it returned; nothing where it failed or did not return.
    pub(crate) result: Option<u64>,
    /// How many calls had returned when it began.
    pub(crate) begun: usize,
}

impl Call {
    pub(crate) fn arg(&self, index: usize) -> &str {
        let arg = self.args.get(index);
        arg.unwrap_or_else(|| panic!("{} has no argument {index}", self.name))
    }

    /// Returns a number, which may be octal.
    pub(crate) fn number(&self, index: usize) -> u64 {
        let arg = self.arg(index);
        let number = match arg.strip_prefix('0') {
            Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8),
            _ => arg.parse(),
        };
        number.unwrap_or_else(|_| panic!("{} of {arg}", self.name))
    }

    pub(crate) fn bytes(&self, index: usize) -> Vec<u8> {
        bytes(self.arg(index))
    }

    pub(crate) fn has_flag(&self, index: usize, flag: &str) -> bool {
        self.arg(index).split('|').any(|set| set == flag)
    }
}

/// Whether there is a tracer.
pub(crate) fn is_there() -> bool {
    Command::new("strace").arg("--version").output().is_ok()
}

/// Returns a command that traces what is appended to it.
pub(crate) fn strace(trace: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-xx", "-s", STRING_BYTES_MAX]);
    command.args(["-e", TRACED, "-e", "signal=none", "-o"]);
    command.arg(trace);
    command
}

/// Reads a trace.
pub(crate) fn read(trace: &Path) -> Vec<Call> {
    parse(&fs::read_to_string(trace).expect("a trace"))
}

pub(crate) fn parse(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished = HashMap::new();
    for line in text.lines() {
        let (thread, line) = line.split_once(' ').expect("a thread and what it did");
        let line = line.trim_start();
        if line.starts_with("+++") || line.starts_with("---") {
            continue;
        }
        if let Some(begin) = line.strip_suffix("<unfinished ...>") {
            let begin = begin.trim_end();
            if begin.starts_with("close(") {
                // Before it is told that this is done, another thread may be given the same number.
                calls.push(call(&format!("{begin}) = 0"), calls.len()));
            }
            unfinished.insert(thread, (calls.len(), begin));
        } else if let Some(rest) = line.strip_prefix("<... ") {
            let (_, rest) = rest.split_once(" resumed>").expect("the rest of a call");
            let (begun, begin) = unfinished.remove(thread).expect("its begin");
            if !begin.starts_with("close(") {
                calls.push(call(&format!("{begin}{rest}"), begun));
            }
        } else {
            calls.push(call(line, calls.len()));
        }
    }
    calls
}

fn call(line: &str, begun: usize) -> Call {
    let (call, result) = line.rsplit_once(" = ").unwrap_or((line, "?"));
    let call = call.trim_end();
    let parts = call.split_once('(');
    let (name, args) = parts.unwrap_or_else(|| panic!("no call: {line}"));
    let args = args.strip_suffix(')').unwrap_or(args);
    let result = result.split(' ').next().unwrap_or_default();
    let result = match result.strip_prefix("0x") {
        Some(address) => u64::from_str_radix(address, 16).ok(),
        None => result.parse().ok(),
    };
    Call {
        name: name.to_owned(),
        args: split(args),
        result,
        begun,
    }
}

/// Splits at the commas that are in no brackets.
pub(crate) fn split(args: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    for symbol in args.chars() {
        match symbol {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if symbol == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("there is one").push(symbol);
        }
    }
    let parts = parts.iter().map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

/// Returns the bytes of a string, all of which are printed in hexadecimal.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let inner = inner.unwrap_or_else(|| panic!("no whole string: {text}"));
    let parts = inner.split("\\x").skip(1);
    parts
        .map(|byte| u8::from_str_radix(byte, 16).expect("a byte"))
        .collect()
}
