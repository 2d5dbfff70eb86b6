//! The tables within a document: what is between two marks is replaced.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

const BEGIN: &str = "<!-- begin: cargo xtask scale -->";
const END: &str = "<!-- end: cargo xtask scale -->";

/// Puts `tables` between the marks of a file.
pub(crate) fn put_into(file: &Path, tables: &str) -> Result<()> {
    let named = || file.display().to_string();
    let old = fs::read_to_string(file).with_context(named)?;
    fs::write(file, replaced(&old, tables).with_context(named)?).with_context(named)
}

fn replaced(old: &str, tables: &str) -> Result<String> {
    let missing = || format!("it has no lines {BEGIN} and {END}, in this order");
    let (before, rest) = old.split_once(BEGIN).with_context(missing)?;
    let (_, after) = rest.split_once(END).with_context(missing)?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_replaced_and_the_rest_stays() {
        let old = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replaced(&old, "\nnew\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(replaced(&new, "new").unwrap(), new);
    }

    #[test]
    fn a_file_without_marks_stays_as_it_is() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("a.md");
        for text in ["nothing", &format!("{END} {BEGIN}")] {
            fs::write(&file, text).unwrap();
            assert!(put_into(&file, "new").is_err());
            assert_eq!(fs::read_to_string(&file).unwrap(), *text);
        }
    }
}
