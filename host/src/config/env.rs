//! `${VAR}` and `${VAR:-default}` in texts, as Backstage fills them in; `$${VAR}` is the literal text `${VAR}`.

use super::environment::Environment;

/// What stands in the way of filling in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// `${NAME}` without default, and the environment has no `NAME`.
    Unset(String),
    /// What the braces hold is no name of a variable.
    BadName(String),
}

/// A text with its variables filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) text: String,
    /// What came from the environment: it may be a secret, so errors do not show it.
    pub(super) taken: Vec<String>,
}

/// Fills in `text`. A variable's value is taken without white space around it; an empty one counts as unset where a
/// default is given. What a variable holds is not filled in again. `${` without `}` stays as it is.
pub(super) fn fill(text: &str, env: &Environment) -> Result<Filled, Missing> {
    let mut filled = Filled {
        text: String::with_capacity(text.len()),
        taken: Vec::new(),
    };
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let inner = &rest[start + 2..];
        let Some(end) = inner.find(['{', '}']) else {
            break;
        };
        let (before, after) = (&rest[..start], &inner[end + 1..]);
        if inner.as_bytes()[end] == b'{' {
            // As Backstage: braces in braces are no variable. The inner one may still begin one.
            filled.text.push_str(&rest[..start + 2]);
            rest = inner;
            continue;
        }
        if let Some(before) = before.strip_suffix('$') {
            filled.text.push_str(before);
            filled.text.push_str(&rest[start..start + 2 + end + 1]);
        } else {
            filled.text.push_str(before);
            let (value, taken) = variable(&inner[..end], env)?;
            filled.text.push_str(value);
            filled.taken.extend(taken.then(|| value.to_owned()));
        }
        rest = after;
    }
    filled.text.push_str(rest);
    Ok(filled)
}

/// Whether a variable of the environment can have this name.
pub(super) fn is_name(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    letters && !name.is_empty() && !name.as_bytes()[0].is_ascii_digit()
}

/// The value, and whether it is the variable's and no default.
fn variable<'v>(inner: &'v str, env: &'v Environment) -> Result<(&'v str, bool), Missing> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name.trim(), Some(default.trim())),
        None => (inner.trim(), None),
    };
    if !is_name(name) {
        return Err(Missing::BadName(inner.to_owned()));
    }
    match (env.get(name).map(str::trim), default) {
        (Some(value), None) => Ok((value, true)),
        (Some(value), Some(_)) if !value.is_empty() => Ok((value, true)),
        (_, Some(default)) => Ok((default, false)),
        (None, None) => Err(Missing::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        variables.iter().map(owned).collect()
    }

    fn filled(text: &str) -> Result<String, Missing> {
        let env = environment(&[
            ("A", "one"),
            ("EMPTY", ""),
            ("NESTED", "${A}"),
            ("WIDE", " w i d e\n"),
        ]);
        fill(text, &env).map(|filled| filled.text)
    }

    #[test]
    fn fills_in_variables() {
        for (text, wanted) in [
            ("", ""),
            ("plain $A {A}", "plain $A {A}"),
            ("${A}", "one"),
            ("x${ A }y${A}", "xoneyone"),
            ("${B:-two}", "two"),
            ("${B:- two words }", "two words"),
            ("${A:-two}", "one"),
            ("${B:-}", ""),
            ("${B:-http://x:1/-}", "http://x:1/-"),
            ("${EMPTY}", ""),
            ("${EMPTY:-two}", "two"),
            ("[${WIDE}]", "[w i d e]"),
            ("${NESTED}", "${A}"),
            ("$${A}", "${A}"),
            ("a$${B:-c}d${A}", "a${B:-c}done"),
            ("${A", "${A"),
            ("${A}${", "one${"),
            ("${x{A}", "${x{A}"),
            ("${${A}", "${one"),
            ("ü${A}ä", "üoneä"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn says_which_variable_is_missing() {
        assert_eq!(filled("x${B}"), Err(Missing::Unset("B".into())));
        for bad in ["", "a b", "1A", "A-B", ":-x", "A.b"] {
            assert_eq!(
                filled(&format!("${{{bad}}}")),
                Err(Missing::BadName(bad.into()))
            );
        }
    }

    #[test]
    fn knows_what_came_from_the_environment() {
        let env = environment(&[("A", "s3cret")]);
        let taken = |text: &str| fill(text, &env).unwrap().taken;
        assert_eq!(taken("${A}x${A:-y}"), ["s3cret", "s3cret"]);
        assert_eq!(taken("${B:-x}$${A}"), [""; 0]);
    }
}
