//! A page of the documentation as a list of commands and what it says that they print.
//!
//! In a block marked `sh` every line is a command. In one marked `console` a command follows
//! `$ `, and what it prints follows the command. `…` stands for anything within a line, and alone
//! for any number of lines. A command with the comment `# refused` must fail.

/// A command of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) command: String,
    /// The lines that the page shows after it.
    pub(crate) expected: Vec<String>,
}

impl Step {
    /// Whether the page starts the server with it, which then goes on in another terminal.
    pub(crate) fn starts_the_server(&self) -> bool {
        self.command.split(" #").next().is_some_and(|command| command.trim().ends_with(" serve"))
    }

    /// Whether the page says that it fails.
    pub(crate) fn is_refused(&self) -> bool {
        self.command.trim_end().ends_with("# refused")
    }
}

/// The commands of a page, in order.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block = None;
    for line in page.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            block = if block.is_none() { Some(kind) } else { None };
            continue;
        }
        let command = match block {
            Some("sh") => Some(line),
            Some("console") => line.strip_prefix("$ "),
            _ => continue,
        };
        match (command, steps.last_mut()) {
            (Some(command), _) => {
                steps.push(Step { command: command.to_owned(), expected: Vec::new() });
            }
            (None, Some(step)) => step.expected.push(line.to_owned()),
            (None, None) => {}
        }
    }
    steps
}

/// How what was printed differs from what the page shows, if it does. Blank lines and blanks at
/// the end of a line do not count, and neither does anything where the page shows nothing.
pub(crate) fn differs(expected: &[String], printed: &str) -> Option<String> {
    if expected.is_empty() {
        return None;
    }
    let shown = |line: &&str| !line.is_empty();
    let mut printed = printed.lines().map(str::trim_end).filter(shown).peekable();
    let mut anything = false;
    for wanted in expected.iter().map(|line| line.trim_end()).filter(shown) {
        if wanted == "…" {
            anything = true;
            continue;
        }
        if anything {
            while printed.next_if(|line| !fits(wanted, line)).is_some() {}
        }
        anything = false;
        match printed.next() {
            Some(line) if fits(wanted, line) => {}
            Some(line) => return Some(format!("the page says {wanted:?}, but it is {line:?}")),
            None => return Some(format!("the page says {wanted:?}, but nothing came")),
        }
    }
    let more = printed.next().filter(|_| !anything)?;
    Some(format!("the page does not show {more:?}"))
}

/// Whether a line is what a page shows, with `…` for anything.
pub(crate) fn fits(wanted: &str, line: &str) -> bool {
    let mut pieces = wanted.split('…');
    let Some(mut rest) = pieces.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    let open_end = pieces.peek().is_some();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    open_end || rest.is_empty()
}

#[test]
fn a_page_is_read_as_commands_and_what_they_print() {
    let page = "text\n```sh\nrun it\n```\n$ not this\n```console\n$ ask\nanswer\n\n$ next # refused\n\
                ```\n```toml\nnor this\n```\n";
    let step = |command: &str, expected: &[&str]| Step {
        command: command.to_owned(),
        expected: expected.iter().map(|&line| line.to_owned()).collect(),
    };
    let all = steps(page);
    let expected = [step("run it", &[]), step("ask", &["answer", ""]), step("next # refused", &[])];
    assert_eq!(all, expected);
    assert!(all[2].is_refused() && !all[1].is_refused());
}

#[test]
fn what_a_page_does_not_show_is_a_difference() {
    let expected = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    let page = expected(&["first", "…", "v1   …   targets"]);
    assert_eq!(differs(&page, "first\na\nb\nv1   abc   targets\n"), None);
    assert_eq!(differs(&page, "first\nv1   abc   targets\n\n"), None);
    assert!(differs(&page, "first\nv1   abc   root\n").is_some());
    assert!(differs(&page, "v1   abc   targets\n").is_some());
    assert!(differs(&page, "first\nv1   abc   targets\nmore\n").is_some());
    assert!(differs(&expected(&["first"]), "").is_some());
    assert_eq!(differs(&expected(&["first", "…"]), "first\nmore\nmore\n"), None);
}
