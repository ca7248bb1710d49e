//! `netabase peer fetch`

use std::{collections::BTreeMap, io::Write};

use clap::Args;
use indicatif::{HumanBytes, MultiProgress, ProgressBar};

use super::{
    PeerError,
    args::NodeArgs,
    ask::Peer,
    print_json,
    protocol::{Answer, DownloadReport, FetchReport, Progress, Request, count},
};
use crate::{
    error::{Error, Result, one_line},
    store::{
        place::path_of,
        progress::{bars, bytes_bar},
    },
};

pub(super) const EXAMPLE: &str = "Example:\n  netabase peer fetch PATH --store ./depot \
     --bootstrap ADDR --trusted-key cache.public";

/// The arguments of `peer fetch`.
#[derive(Debug, Args)]
pub(super) struct FetchArgs {
    /// The paths, in full or by base name
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    /// Say in JSON what came of it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// Fetches paths with all that they refer to.
pub(super) fn run(args: &FetchArgs, out: &mut dyn Write) -> Result<()> {
    let dir = &args.node.place.layout().store_dir;
    let printed = |text: &String| Ok(dir.display(&path_of(dir, text)?).to_string());
    let paths: Vec<_> = args.paths.iter().map(printed).collect::<Result<_>>()?;
    let mut peer = Peer::reach(&args.node)?;
    let mut bars = Bars::new();
    let answer = peer.ask(Request::Fetch { paths }, |how_far| bars.show(how_far));
    bars.clear();
    let end = peer.end();
    let report = match answer? {
        Answer::Fetched(report) => report,
        Answer::Refused(refusal) => return Err(PeerError::Refused(refusal).into()),
        _ => return Err(PeerError::OtherAnswer.into()),
    };
    if args.json {
        print_json(out, &report)?;
    } else {
        out.write_all(text(&report).as_bytes())
            .map_err(Error::Output)?;
    }
    match report.failed.len() {
        0 => Ok(end?),
        failed => Err(PeerError::NotFetched { failed }.into()),
    }
}

/// Returns for people what came of it: a summary, or a line for each path that cannot be had.
fn text(report: &FetchReport) -> String {
    let failed = report.failed.iter();
    let mut lines: Vec<_> = failed
        .map(|failed| format!("{}: {}", failed.path, failed.why))
        .collect();
    if lines.is_empty() {
        let FetchReport {
            added,
            bytes,
            seconds,
            sources,
            ..
        } = report;
        lines.push(format!(
            "fetched {}, {bytes} bytes of archives, in {seconds:.1} seconds from {}",
            count(added.len(), "path"),
            count(sources.len(), "peer")
        ));
    }
    let lines = lines.iter().map(|line| one_line(line) + "\n");
    lines.collect()
}

/// A bar for each download, on a terminal.
struct Bars {
    all: MultiProgress,
    each: BTreeMap<String, ProgressBar>,
}

impl Bars {
    fn new() -> Self {
        Self {
            all: bars(),
            each: BTreeMap::new(),
        }
    }

    fn show(&mut self, how_far: &Progress) {
        let active = |path: &String| how_far.downloads.iter().any(|one| one.path == *path);
        let all = &self.all;
        self.each.retain(|path, bar| {
            let stays = active(path);
            if !stays {
                bar.finish_and_clear();
                all.remove(bar);
            }
            stays
        });
        for download in &how_far.downloads {
            let bar = self.each.entry(download.path.clone());
            let bar = bar.or_insert_with(|| self.all.add(bytes_bar(download.bytes)));
            bar.set_position(download.bytes_held);
            bar.set_message(message(download));
        }
    }

    fn clear(&mut self) {
        for bar in self.each.values() {
            bar.finish_and_clear();
        }
        self.each.clear();
    }
}

fn message(download: &DownloadReport) -> String {
    let name = download.path.rsplit('/').next().unwrap_or_default();
    let wasted = match download.bytes_wasted {
        0 => String::new(),
        bytes => format!(", {} wasted", HumanBytes(bytes)),
    };
    one_line(&format!(
        "from {}{wasted}  {name}",
        count(download.sources, "peer")
    ))
}
