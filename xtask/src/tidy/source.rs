//! Rust source without what is not code: comments and the contents of literals become spaces, so that a rule about
//! `tokio` is not alarmed by a sentence about tokio. Line numbers stay.

/// The code of a file, comments and literals blanked.
pub fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal_length(rest, &out).unwrap_or(0);
        if length == 0 {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let (skipped, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            out.extend(skipped.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    out
}

/// The part before the unit tests, which by our habit close a file.
pub fn before_tests(code: &str) -> &str {
    code.split("#[cfg(test)]\nmod ").next().unwrap_or(code)
}

/// Where in `code` the word stands, as line numbers from 1. A word begins and ends at a border of identifiers.
pub fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let ident = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let hit = line.match_indices(word).any(|(at, _)| {
            let before = line.get(..at).and_then(|s| s.chars().next_back()).is_some_and(ident);
            let after = line.get(at + word.len()..).and_then(|s| s.chars().next()).is_some_and(ident);
            let starts_ident = word.chars().next().is_some_and(ident);
            let ends_ident = word.chars().next_back().is_some_and(ident);
            !(before && starts_ident || after && ends_ident)
        });
        if hit {
            found.push(index + 1);
        }
    }
    found
}

/// Whether the code reaches into `crate::MODULE`, also inside `use crate::{…}`, and for `a::b` inside
/// `use crate::a::{…}`; with the lines.
pub fn lines_reaching_into(code: &str, module: &str) -> Vec<usize> {
    let mut found = lines_with_word(code, &format!("crate::{module}"));
    in_groups(code, "use crate::{", module, &mut found);
    if let Some((parent, leaf)) = module.rsplit_once("::") {
        in_groups(code, &format!("use crate::{parent}::{{"), leaf, &mut found);
    }
    found
}

/// Lines of groups that open with `opening` and name `module`.
fn in_groups(code: &str, opening: &str, module: &str, found: &mut Vec<usize>) {
    for (start, group) in code.match_indices(opening) {
        let body = code.get(start + group.len()..).unwrap_or_default();
        let mut depth = 0_usize;
        let mut item = String::new();
        for c in body.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => item.clear(),
                c if depth == 0 && !c.is_whitespace() => item.push(c),
                _ => {}
            }
            if depth == 0 && (item == module || item.starts_with(&format!("{module}::"))) {
                let line = code.get(..start).unwrap_or_default().matches('\n').count() + 1;
                if !found.contains(&line) {
                    found.push(line);
                }
            }
        }
    }
}

/// Length in bytes of the comment or literal that starts here; `None` where code starts.
fn literal_length(rest: &str, before: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(rest.find("*/").map_or(rest.len(), |at| at + 2));
    }
    if rest.starts_with('"') {
        return Some(string_length(rest));
    }
    let in_word = before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word {
        let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'));
        if let Some(raw) = raw {
            let hashes = raw.chars().take_while(|c| *c == '#').count();
            if raw.get(hashes..).is_some_and(|s| s.starts_with('"')) {
                let opening = rest.len() - raw.len() + hashes + 1;
                let closing = format!("\"{}", "#".repeat(hashes));
                let body = rest.get(opening..).unwrap_or_default();
                return Some(body.find(&closing).map_or(rest.len(), |at| opening + at + closing.len()));
            }
        }
    }
    // 'x' and '\n', but not a lifetime.
    let mut chars = rest.char_indices().skip(1);
    if rest.starts_with('\'') {
        let (_, first) = chars.next()?;
        if first == '\\' {
            return rest.get(2..).and_then(|s| s.get(1..)).and_then(|s| s.find('\'')).map(|at| at + 4);
        }
        let (at, second) = chars.next()?;
        return (second == '\'').then_some(at + 1);
    }
    None
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_vanish_and_code_stays() {
        for (text, gone, stays) in [
            ("let a = 1; // tokio\nlet b;", "tokio", "let b;"),
            ("/* tokio */ let b;", "tokio", "let b;"),
            (r#"f("tokio \" tokio"); let b;"#, "tokio", "let b;"),
            (r##"f(r#"to"kio"#); let b;"##, "kio", "let b;"),
            ("f('\"'); let b; g('\"');", "\"", "let b;"),
            ("fn f<'a>(x: &'a str) { let b; }", "//", "&'a str) { let b;"),
            ("let c = '\\''; let b;", "\\", "let b;"),
        ] {
            let code = code(text);
            assert!(!code.contains(gone) && code.contains(stays), "{text:?} became {code:?}");
            assert_eq!(code.lines().count(), text.lines().count());
        }
    }

    #[test]
    fn words_have_borders() {
        assert_eq!(lines_with_word("a\nuse tokio::x;\nmy_tokio", "tokio"), [2]);
        assert_eq!(lines_with_word("f64x\nf64\n(f64)", "f64"), [2, 3]);
        assert_eq!(lines_with_word("x.await;\nawaiter", ".await"), [1]);
    }

    #[test]
    fn modules_are_found_in_paths_and_in_groups() {
        assert_eq!(lines_reaching_into("use crate::http::Body;", "http"), [1]);
        assert_eq!(lines_reaching_into("crate::httpish::f();", "http"), Vec::<usize>::new());
        assert_eq!(lines_reaching_into("\nuse crate::{live::X, http::{A, B}};", "http"), [2]);
        assert_eq!(lines_reaching_into("use crate::{live::{http::A}, x};", "http"), Vec::<usize>::new());
        assert_eq!(lines_reaching_into("use crate::http::{A, conn::B};", "http::conn"), [1]);
        assert_eq!(lines_reaching_into("use crate::http::{A, body::B};", "http::conn"), Vec::<usize>::new());
        assert_eq!(before_tests("code\n#[cfg(test)]\nmod tests {}"), "code\n");
    }
}
