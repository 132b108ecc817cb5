//! Pages of lists that are in memory: sorted, cut after a keyset cursor, so that rows that come and go meanwhile
//! neither repeat nor hide others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::call::{Query, one_of};
use super::problem::Problem;

/// A field that a list may be sorted by, as text that sorts the same way.
pub(super) type Sort<T> = (&'static str, fn(&T) -> String);

/// Sorts and cuts. `?sort=FIELD`, or `-FIELD` for the other direction; the first of `sorts` unless given.
pub(super) fn page<T>(
    items: Vec<T>,
    id: fn(&T) -> String,
    sorts: &[Sort<T>],
    query: &Query,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let limit = query.limit()?;
    let wanted = query.get("sort").or_else(|| sorts.first().map(|(name, _)| *name)).unwrap_or_default();
    let (field, descending) = wanted.strip_prefix('-').map_or((wanted, false), |field| (field, true));
    let Some((_, value)) = sorts.iter().find(|(name, _)| *name == field) else {
        let names: Vec<&str> = sorts.iter().map(|(name, _)| *name).collect();
        return Err(Problem::invalid("sort", format_args!("{}, each also with `-` in front", one_of(&names))));
    };
    let after = query.get("cursor").map(|cursor| read_cursor(cursor, wanted)).transpose()?;
    let mut rows: Vec<((String, String), T)> =
        items.into_iter().map(|item| ((value(&item), id(&item)), item)).collect();
    rows.sort_by(|(a, _), (b, _)| if descending { b.cmp(a) } else { a.cmp(b) });
    rows.retain(|(place, _)| after.as_ref().is_none_or(|after| if descending { place < after } else { place > after }));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|((value, id), _)| URL_SAFE_NO_PAD.encode(serde_json::json!([wanted, value, id]).to_string()));
    Ok((rows.into_iter().map(|(_, item)| item).collect(), next))
}

fn read_cursor(cursor: &str, wanted: &str) -> Result<(String, String), Problem> {
    let foreign = || Problem::invalid("cursor", "the `next_cursor` of a page with the same `sort`");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| foreign())?;
    let (sort, value, id): (String, String, String) = serde_json::from_slice(&bytes).map_err(|_| foreign())?;
    if sort == wanted { Ok((value, id)) } else { Err(foreign()) }
}

/// Whether a text holds what is looked for, in whatever case. Wildcards have no meaning.
pub(super) fn holds(text: &str, q: Option<&str>) -> bool {
    q.is_none_or(|q| text.to_lowercase().contains(&q.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        let mut query = Query::default();
        for (name, value) in pairs {
            query.add((*name).to_owned(), (*value).to_owned()).unwrap();
        }
        query
    }

    const SORTS: &[Sort<u32>] = &[("tens", |n| (n / 10).to_string()), ("number", |n| format!("{n:05}"))];

    /// Follows cursors to the end.
    fn walk(sort: &str, limit: &str) -> Vec<u32> {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut pairs = vec![("sort", sort), ("limit", limit)];
            pairs.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let (rows, next) = page((0..25).collect(), ToString::to_string, SORTS, &query(&pairs)).unwrap();
            found.extend(rows);
            match next {
                Some(next) => cursor = Some(next),
                None => return found,
            }
        }
    }

    #[test]
    fn pages_of_any_size_give_each_row_once_in_order() {
        for limit in ["1", "3", "24", "25", "26", "200"] {
            assert_eq!(walk("number", limit), (0..25).collect::<Vec<_>>(), "{limit}");
            assert_eq!(walk("-number", limit), (0..25).rev().collect::<Vec<_>>(), "{limit}");
            let mut tens = walk("tens", limit);
            assert!(tens.is_sorted_by_key(|n| n / 10), "{tens:?}");
            tens.sort_unstable();
            assert_eq!(tens, (0..25).collect::<Vec<_>>(), "{limit}");
        }
    }

    #[test]
    fn foreign_cursors_and_fields_are_refused() {
        let (_, next) = page((0..25).collect(), ToString::to_string, SORTS, &query(&[("limit", "3")])).unwrap();
        let next = next.unwrap();
        for pairs in [
            vec![("cursor", "nonsense!")],
            vec![("cursor", "")],
            vec![("cursor", &next), ("sort", "number")],
            vec![("sort", "hash")],
            vec![("sort", "")],
            vec![("limit", "0")],
            vec![("limit", "-1")],
            vec![("limit", "201")],
            vec![("limit", "1000000000")],
        ] {
            assert!(page((0..25).collect(), ToString::to_string, SORTS, &query(&pairs)).is_err(), "{pairs:?}");
        }
    }
}
