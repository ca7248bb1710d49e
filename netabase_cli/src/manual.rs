//! Completion scripts and manual pages, made from the command line's definition.

use std::{fs, io::Write, path::PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{
    args::Arguments,
    error::{Error, Result},
};

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// The arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints a completion script.
pub(crate) fn completions(args: CompletionsArgs, out: &mut dyn Write) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Arguments::command(),
        "netabase",
        &mut script,
    );
    out.write_all(&script).map_err(Error::Output)
}

/// Prints the manual page of the whole command, or writes all pages.
pub(crate) fn man(args: &ManArgs, out: &mut dyn Write) -> Result<()> {
    let mut command = Arguments::command();
    command.build();
    match &args.dir {
        None => render(command, out).map_err(Error::Output),
        Some(dir) => pages(command, dir),
    }
}

fn pages(command: clap::Command, dir: &PathBuf) -> Result<()> {
    let error = |path: &PathBuf| {
        let path = path.clone();
        |source| Error::WriteFile { path, source }
    };
    fs::create_dir_all(dir).map_err(error(dir))?;
    let mut open = vec![command];
    while let Some(command) = open.pop() {
        open.extend(
            command
                .get_subcommands()
                .filter(|c| c.get_name() != "help")
                .cloned(),
        );
        let name = command
            .get_display_name()
            .unwrap_or_else(|| command.get_name())
            .to_owned();
        let path = dir.join(format!("{name}.1"));
        let mut page = Vec::new();
        render(command, &mut page).map_err(error(&path))?;
        fs::write(&path, page).map_err(error(&path))?;
    }
    Ok(())
}

fn render(command: clap::Command, out: &mut dyn Write) -> std::io::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    out.write_all(&page)
}
