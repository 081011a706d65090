//! Functions of SQLite whose single call takes the product of two lengths, minutes for values of some megabytes, while
//! nothing can interrupt it. Here they take the sum, or are refused where that cannot be had.

use memchr::memmem;
use rusqlite::{
    Connection as Raw, Error, Result, ToSql, ffi,
    functions::{Context, FunctionFlags},
    params_from_iter,
    types::{ToSqlOutput, Value, ValueRef},
};
use std::{borrow::Cow, cell::RefCell, collections::HashSet};

/// For `json_patch`: the bytes of one document times those of the other. About 0.2 s.
const LARGEST_PATCH: usize = 1 << 30;

/// SQLite's mark on a text that is JSON.
const JSON: u32 = 74;

/// Puts them in the place of SQLite's own. `longest`: bytes of a value.
pub(super) fn install(raw: &Raw, longest: usize) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    raw.create_scalar_function("instr", 2, flags, instr)?;
    raw.create_scalar_function("replace", 3, flags, move |given| replace(given, longest))?;
    for arguments in [1, 2] {
        raw.create_scalar_function("trim", arguments, flags, |given| trim(given, true, true))?;
        raw.create_scalar_function("ltrim", arguments, flags, |given| trim(given, true, false))?;
        raw.create_scalar_function("rtrim", arguments, flags, |given| trim(given, false, true))?;
        raw.create_scalar_function("unhex", arguments, flags, unhex)?;
    }
    let marking = flags | FunctionFlags::SQLITE_RESULT_SUBTYPE;
    raw.create_scalar_function("json_patch", 2, marking, |given| {
        let patched = patch(given, "SELECT json_patch($1, $2)")?;
        let mark = matches!(patched, Value::Text(_)).then_some(JSON);
        Ok((patched, mark))
    })?;
    raw.create_scalar_function("jsonb_patch", 2, flags, |given| {
        patch(given, "SELECT jsonb_patch($1, $2)")
    })
}

enum Out {
    Null,
    Number(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl ToSql for Out {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Number(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text)),
            Self::Blob(blob) => ToSqlOutput::Borrowed(ValueRef::Blob(blob)),
        })
    }
}

thread_local! {
    /// SQLite as it comes, for what it alone knows.
    static PLAIN: RefCell<Option<Raw>> = const { RefCell::new(None) };
}

fn plainly<T: rusqlite::types::FromSql>(sql: &str, given: &[ValueRef<'_>]) -> Result<T> {
    PLAIN.with_borrow_mut(|plain| {
        let plain = match plain {
            Some(plain) => plain,
            None => plain.insert(Raw::open_in_memory()?),
        };
        let given = given.iter().map(|value| ToSqlOutput::Borrowed(*value));
        plain
            .prepare_cached(sql)?
            .query_row(params_from_iter(given), |row| row.get(0))
    })
}

/// As a text, the way SQLite sees it; none for NULL.
fn text<'a>(given: &'a Context<'_>, at: usize) -> Result<Option<Cow<'a, [u8]>>> {
    Ok(Some(match given.get_raw(at) {
        ValueRef::Null => return Ok(None),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cow::Borrowed(bytes),
        ValueRef::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
        real @ ValueRef::Real(_) => {
            Cow::Owned(plainly::<String>("SELECT CAST($1 AS TEXT)", &[real])?.into_bytes())
        }
    }))
}

/// The second argument, or what stands for it where it is not given.
fn second<'a>(given: &'a Context<'_>, default: &'static [u8]) -> Result<Option<Cow<'a, [u8]>>> {
    match given.len() {
        1 => Ok(Some(Cow::Borrowed(default))),
        _ => text(given, 1),
    }
}

fn too_big() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_TOOBIG), None)
}

fn instr(given: &mut Context<'_>) -> Result<Out> {
    let (Some(hay), Some(needle)) = (text(given, 0)?, text(given, 1)?) else {
        return Ok(Out::Null);
    };
    let is_blob = |at| matches!(given.get_raw(at), ValueRef::Blob(_));
    let in_bytes = is_blob(0) && is_blob(1);
    let begins = |at: usize| in_bytes || !is_inside(&hay, at);
    // SQLite moves by characters: a match in the middle of one is none.
    let at = if needle.is_empty() {
        Some(0)
    } else {
        memmem::find_iter(&hay, &*needle).find(|at| begins(*at))
    };
    let position = at.map_or(0, |at| match in_bytes {
        true => at + 1,
        false => (0..at).filter(|at| begins(*at)).count() + 1,
    });
    Ok(Out::Number(i64::try_from(position).unwrap_or(i64::MAX)))
}

/// Not the first byte of a character.
fn is_inside(text: &[u8], at: usize) -> bool {
    at > 0 && text[at] & 0xc0 == 0x80
}

fn replace(given: &mut Context<'_>, longest: usize) -> Result<Out> {
    let (Some(hay), Some(old)) = (text(given, 0)?, text(given, 1)?) else {
        return Ok(Out::Null);
    };
    if old.first().is_none_or(|first| *first == 0) {
        return Ok(Out::Text(hay.into_owned()));
    }
    let Some(new) = text(given, 2)? else {
        return Ok(Out::Null);
    };
    let mut replaced = Vec::with_capacity(hay.len());
    let mut from = 0;
    for at in memmem::find_iter(&hay, &*old) {
        if replaced.len() + (at - from) + new.len() > longest {
            return Err(too_big());
        }
        replaced.extend_from_slice(&hay[from..at]);
        replaced.extend_from_slice(&new);
        from = at + old.len();
    }
    replaced.extend_from_slice(&hay[from..]);
    Ok(Out::Text(replaced))
}

fn trim(given: &mut Context<'_>, left: bool, right: bool) -> Result<Out> {
    let Some(whole) = text(given, 0)? else {
        return Ok(Out::Null);
    };
    let set = second(given, b" ")?;
    let Some(set) = set else {
        return Ok(Out::Null);
    };
    let set: HashSet<&[u8]> = characters(&set).collect();
    let mut rest = &*whole;
    // A character has at most four bytes.
    while left && let Some(length) = (1..=4.min(rest.len())).find(|end| set.contains(&rest[..*end]))
    {
        rest = &rest[length..];
    }
    while right
        && let Some(length) =
            (1..=4.min(rest.len())).find(|end| set.contains(&rest[rest.len() - *end..]))
    {
        rest = &rest[..rest.len() - length];
    }
    Ok(Out::Text(rest.to_vec()))
}

/// Up to the first NUL, as SQLite takes a set apart.
fn characters(set: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = memchr::memchr(0, set).unwrap_or(set.len());
    let mut rest = &set[..end];
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let more = rest[1..].iter().take_while(|byte| **byte & 0xc0 == 0x80);
        let length = 1 + if *first >= 0xc0 { more.count() } else { 0 };
        let (character, after) = rest.split_at(length);
        rest = after;
        Some(character)
    })
}

fn unhex(given: &mut Context<'_>) -> Result<Out> {
    let Some(digits) = text(given, 0)? else {
        return Ok(Out::Null);
    };
    let passed = second(given, b"")?;
    let Some(passed) = passed else {
        return Ok(Out::Null);
    };
    let passed: HashSet<u32> = code_points(&passed).collect();
    let mut blob = Vec::with_capacity(digits.len() / 2);
    let mut half = None;
    for point in code_points(&digits).take_while(|point| *point != 0) {
        let digit = char::from_u32(point).and_then(|character| character.to_digit(16));
        match (digit, half.take()) {
            (Some(low), Some(high)) => blob.push(u8::try_from(high << 4 | low).unwrap_or(u8::MAX)),
            (Some(high), None) => half = Some(high),
            // Only between two bytes.
            (None, None) if passed.contains(&point) => {}
            (None, _) => return Ok(Out::Null),
        }
    }
    Ok(match half {
        None => Out::Blob(blob),
        Some(_) => Out::Null,
    })
}

/// As SQLite reads them, of bytes that are no UTF-8 too.
fn code_points(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let mut rest = bytes.iter().copied().peekable();
    std::iter::from_fn(move || {
        let first = rest.next()?;
        if first < 0xc0 {
            return Some(first.into());
        }
        let mut point = u32::from(match first {
            0xc0..=0xdf => first & 0x1f,
            0xe0..=0xef => first & 0x0f,
            0xf0..=0xf7 => first & 0x07,
            0xf8..=0xfb => first & 0x03,
            0xfc..=0xfd => first & 0x01,
            0xfe.. => 0,
            _ => first,
        });
        while let Some(next) = rest.next_if(|next| next & 0xc0 == 0x80) {
            point = (point << 6).wrapping_add(u32::from(next & 0x3f));
        }
        let is_one = point >= 0x80 && point & !0x7ff != 0xd800 && point & !1 != 0xfffe;
        Some(if is_one { point } else { 0xfffd })
    })
}

/// SQLite looks for each key of the one in all of the other.
fn patch(given: &mut Context<'_>, sql: &str) -> Result<Value> {
    let documents = [given.get_raw(0), given.get_raw(1)];
    let [one, other] = documents.map(|document| match document {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 0,
    });
    if one.saturating_mul(other) > LARGEST_PATCH {
        return Err(too_big());
    }
    plainly(sql, &documents)
}

#[cfg(test)]
mod tests;
