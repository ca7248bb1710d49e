//! What the command line of the Nix benchmarks says.

use std::path::PathBuf;

/// A file system in memory: there no disk, and nobody else's writes, decide a figure.
const MEMORY: &str = "/dev/shm";

/// How large the work is, and which parts are wanted.
pub struct Options {
    /// How many bytes of files, and of what is scanned.
    pub bytes: usize,
    pub rounds: usize,
    /// Where files lie: in memory, unless the command line says otherwise.
    pub folder: PathBuf,
    /// Where files lie that are to lie on a disk.
    pub disk: PathBuf,
    pub is_quick: bool,
    parts: Option<Vec<String>>,
}

impl Options {
    /// Reads `--quick`, `--size MIB`, `--rounds N`, `--folder PATH`, `--disk PATH` and `--parts NAME,NAME`.
    #[must_use]
    pub fn from_arguments(folder: &str) -> Self {
        let mut options = Self {
            bytes: 1 << 30,
            rounds: 5,
            folder: [MEMORY, folder]
                .map(PathBuf::from)
                .into_iter()
                .find(|it| it.is_dir())
                .unwrap(),
            disk: folder.into(),
            is_quick: false,
            parts: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(option) = arguments.next() {
            match &*option {
                // What `cargo bench` itself passes on.
                "--bench" => continue,
                "--quick" => {
                    options.is_quick = true;
                    (options.bytes, options.rounds) = (256 << 20, 3);
                    continue;
                }
                _ => {}
            }
            let value = arguments.next().expect("a value behind the option");
            match &*option {
                "--size" => options.bytes = value.parse::<usize>().unwrap() << 20,
                "--rounds" => options.rounds = value.parse().unwrap(),
                "--folder" => options.folder = value.into(),
                "--disk" => options.disk = value.into(),
                "--parts" => options.parts = Some(value.split(',').map(str::to_owned).collect()),
                other => panic!("no option {other}"),
            }
        }
        options
    }

    /// Returns whether a part of the benchmark is wanted.
    #[must_use]
    pub fn wants(&self, part: &str) -> bool {
        let parts = self.parts.as_ref();
        parts.is_none_or(|parts| parts.iter().any(|it| it == part))
    }
}
