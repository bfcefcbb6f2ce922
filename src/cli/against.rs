//! The configuration to compare with: another directory, or the same one at a git revision.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use watchbell_config::{Config, Secrets, Sources, read};

use super::args::Common;
use super::output::{Failure, accepted, sources};
use crate::clock::Clock;

/// The other configuration.
pub(super) struct Other {
    /// As it was named.
    pub(super) name: String,
    /// It.
    pub(super) config: Config,
}

/// Reads `name`: a directory where there is one, else a git revision of the configuration directory. The
/// variables of the command line hold for both; secrets need not be there.
pub(super) async fn other(common: &Common, name: &str) -> Result<Other, Failure> {
    let here = sources(common)?;
    let config = if Path::new(name).is_dir() {
        configuration(Sources { dir: name.into(), ..here })
    } else {
        let files = of_revision(&here.dir, name).await?;
        configuration(Sources { dir: files.path().into(), ..here })
    };
    let config = config.map_err(|failure| failure.help(&format!("this is about `{name}`, not about what is here")))?;
    Ok(Other { name: name.to_owned(), config })
}

fn configuration(sources: Sources) -> Result<Config, Failure> {
    accepted(read(&sources, Secrets::WarnIfMissing, Clock::system().now()))
}

/// The configuration directory as it was at a revision, in a directory that goes away with the answer. Git
/// writes it through an index of its own: the work tree and what is staged stay as they are.
async fn of_revision(dir: &Path, revision: &str) -> Result<TempDir, Failure> {
    if !dir.is_dir() {
        return Err(Failure::input(format!("there is no directory {}", dir.display())));
    }
    let prefix = git(dir, &["rev-parse".as_ref(), "--show-prefix".as_ref()], None).await?.map_err(|why| {
        Failure::input(format!("{} is not in a git repository ({why})", dir.display()))
            .help("name a directory to compare with: --against DIR")
    })?;
    let commit = format!("{revision}^{{commit}}");
    let verify = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit].map(OsStr::new);
    let commit = git(dir, &verify, None).await?.map_err(|_| {
        Failure::input(format!("`{revision}` is neither a directory nor a revision that git knows here"))
            .help("write a branch, a tag or a commit, such as --against main or --against HEAD~1")
    })?;
    let files = tempfile::Builder::new().prefix("watchbell-against-").tempdir();
    let files = files.map_err(|e| Failure::failed(format!("no temporary directory could be made: {e}")))?;
    let tree = format!("{}:{}", commit.trim(), prefix.trim_end());
    let index = files.path().join(".index");
    let missing = |why: String| Failure::input(format!("`{revision}` has no such configuration directory ({why})"));
    git(dir, &["read-tree".as_ref(), tree.as_ref()], Some(&index)).await?.map_err(missing)?;
    let mut to = files.path().as_os_str().to_owned();
    to.push("/");
    let mut into = std::ffi::OsString::from("--prefix=");
    into.push(to);
    let written = git(dir, &["checkout-index".as_ref(), "--all".as_ref(), &into], Some(&index)).await?;
    written.map_err(|why| Failure::failed(format!("`{revision}` could not be written out: {why}")))?;
    Ok(files)
}

/// What git prints; what it complains of, where it fails. `Err` where there is no git.
async fn git(dir: &Path, args: &[&OsStr], index: Option<&Path>) -> Result<Result<String, String>, Failure> {
    let mut command = tokio::process::Command::new("git");
    command.arg("-C").arg(dir).args(args).stdin(Stdio::null()).env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0");
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let output = command.output().await.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Failure::failed("there is no `git` on this machine")
            .help("install git, or name a directory to compare with: --against DIR"),
        _ => Failure::failed(format!("git cannot be started: {e}")),
    })?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() {
        return Ok(Ok(text(output.stdout)));
    }
    let said = text(output.stderr);
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("git did not say why").trim();
    Ok(Err(line.trim_start_matches("fatal: ").to_owned()))
}
