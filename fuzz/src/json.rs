//! Changes of inputs that know JSON. Bytes changed at random mostly give what no parser takes, and what lies behind the parser
//! would hardly be reached.

use std::sync::LazyLock;

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Value, json};

/// Changes the JSON in an input, or its bytes. Half of the times, what no JSON was found in always, the bytes.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice(u64::from(seed) | 1 << 40);
    if dice.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let changed = data.get(..size).and_then(|input| changed(input, &mut dice)).filter(|new| new.len() <= max_size);
    match changed {
        Some(new) => {
            data[..new.len()].copy_from_slice(&new);
            new.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
}

/// The input with one of its JSON objects changed: that of the whole body, or that of one line of a stream.
fn changed(input: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let places: Vec<usize> = (0..input.len()).filter(|at| input[*at] == b'{' && starts(input, *at)).collect();
    let start = *places.get(dice.below(places.len()))?;
    let mut values = serde_json::Deserializer::from_slice(&input[start..]).into_iter::<Value>();
    let mut value = values.next()?.ok()?;
    let end = start + values.byte_offset();
    for _ in 0..=dice.below(3) {
        change(&mut value, dice);
    }
    Some([&input[..start], &serde_json::to_vec(&value).ok()?, &input[end..]].concat())
}

/// Whether a whole body or a line's data begins there.
fn starts(input: &[u8], at: usize) -> bool {
    let before = &input[..at];
    before.len() < 16 || before.ends_with(b"data: ") || before.ends_with(b"\n") || before.ends_with(b"data:")
}

/// Changes one place somewhere in the value.
fn change(value: &mut Value, dice: &mut Dice) {
    let donor = inside(value, dice, &mut |found, _| found.clone());
    inside(value, dice, &mut |found, dice| match (dice.below(8), &mut *found) {
        (0, Value::Object(members)) if !members.is_empty() => {
            let name = members.keys().nth(dice.below(members.len())).cloned().unwrap_or_default();
            members.shift_remove(&name);
        }
        (1, Value::Object(members)) => drop(members.insert(word(dice).to_owned(), strange(dice))),
        (2, Value::Array(list)) if !list.is_empty() => {
            let twin = list[dice.below(list.len())].clone();
            list.insert(dice.below(list.len()), twin);
        }
        (3, Value::Array(list)) if !list.is_empty() => drop(list.remove(dice.below(list.len()))),
        (4, found) => *found = donor.clone(),
        (5, found) => *found = json!([found.clone()]),
        (6, Value::String(text)) => *text = word(dice).to_owned(),
        (_, found) => *found = strange(dice),
    });
}

/// Does something with one value in the tree.
fn inside<T>(value: &mut Value, dice: &mut Dice, act: &mut impl FnMut(&mut Value, &mut Dice) -> T) -> T {
    let length = match value {
        Value::Object(members) => members.len(),
        Value::Array(list) => list.len(),
        _ => 0,
    };
    if length == 0 || dice.below(5) == 0 {
        return act(value, dice);
    }
    let place = dice.below(length);
    match value {
        Value::Object(members) => match members.values_mut().nth(place) {
            Some(member) => inside(member, dice, act),
            None => unreachable!("it has that many members"),
        },
        Value::Array(list) => inside(&mut list[place], dice, act),
        other => act(other, dice),
    }
}

fn word(dice: &mut Dice) -> &'static str {
    WORDS[dice.below(WORDS.len())]
}

fn strange(dice: &mut Dice) -> Value {
    match dice.below(12) {
        0 => Value::Null,
        1 => json!(-1),
        2 => json!(u64::MAX),
        3 => json!(1e300),
        4 => json!(""),
        5 => json!([]),
        6 => json!({}),
        7 => json!([null, 7, "x", {"type": word(dice)}]),
        8 => json!({"type": word(dice), "text": "a", "id": 1}),
        9 => json!(true),
        10 => json!("\u{0}\u{7f}é中😀\"\\"),
        _ => json!(word(dice)),
    }
}

/// Words of the protocols.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    include_str!("../words.dict").lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"')).collect()
});

/// Numbers that only look random (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }
}
