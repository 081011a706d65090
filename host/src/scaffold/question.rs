//! Which id the new plugin gets.

use super::{Error, New, target};
use crate::id::{NOT_CONFIGURABLE, PluginId};
use std::io::{self, BufRead, Read, Write};

/// Whom `greenroom new` talks with.
pub struct Console<'a> {
    /// stdin
    pub input: &'a mut dyn BufRead,
    /// stderr: questions and refusals, so that stdout stays the result.
    pub prompts: &'a mut dyn Write,
    /// stdout
    pub output: &'a mut dyn Write,
    /// Whether a person sits at `input`, who can be asked again.
    pub interactive: bool,
}

/// Longer answers are cut: no id comes near it.
const MAX_ANSWER_BYTES: u64 = 4096;

/// The id of the command line, else the answer to a question. A person is asked again until the id is good and free;
/// a pipe has one line to say it.
pub(super) fn id(args: &New, console: &mut Console<'_>) -> Result<PluginId, Error> {
    if let Some(text) = &args.id {
        return accept(text, args);
    }
    loop {
        let Some(answer) = ask(console).map_err(Error::Answer)? else {
            return Err(Error::NoId);
        };
        match accept(answer.trim(), args) {
            Err(refusal @ (Error::Id(_) | Error::Reserved(_) | Error::Taken { .. }))
                if console.interactive =>
            {
                writeln!(console.prompts, "{refusal}.").map_err(Error::Answer)?;
            }
            decided => return decided,
        }
    }
}

fn ask(console: &mut Console<'_>) -> io::Result<Option<String>> {
    if console.interactive {
        write!(
            console.prompts,
            "Id of the new plugin, its path under /api/: "
        )?;
        console.prompts.flush()?;
    }
    let mut answer = String::new();
    let length = Read::take(&mut *console.input, MAX_ANSWER_BYTES).read_line(&mut answer)?;
    Ok((length > 0).then_some(answer))
}

fn accept(text: &str, args: &New) -> Result<PluginId, Error> {
    let id: PluginId = text.parse().map_err(Error::Id)?;
    if NOT_CONFIGURABLE.contains(&id.as_str()) {
        return Err(Error::Reserved(id));
    }
    let folder = args.folder.join(id.as_str());
    match target::holds(&folder) {
        Ok(None) => Ok(id),
        Ok(Some(holds)) => Err(Error::Taken { folder, holds }),
        Err(source) => Err(Error::Write {
            path: folder,
            source,
        }),
    }
}
