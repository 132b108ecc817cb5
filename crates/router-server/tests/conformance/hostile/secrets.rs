//! Oracle O1: no secret in any output, in any encoding.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use router_testkit::hostile::SECRET;

use crate::support::{ADMIN, KEY};

/// What the hostile provider puts into its answers, what every provider key begins with, the client's key, the administrator's.
const SECRETS: &[&str] = &[SECRET, "sk-upstream-", KEY, ADMIN];

/// The secrets, each in clear and in the encodings in which something could have passed them on.
#[derive(Debug)]
pub(super) struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    pub(super) fn new() -> Self {
        Self(SECRETS.iter().flat_map(|secret| forms(secret).into_iter().map(move |form| (*secret, form))).collect())
    }

    /// The secret that this text holds, and how it is written there.
    pub(super) fn found_in(&self, text: &str) -> Option<(&'static str, &str)> {
        self.0.iter().find(|(_, form)| text.contains(form.as_str())).map(|(secret, form)| (*secret, form.as_str()))
    }

    #[track_caller]
    pub(super) fn assert_none_in(&self, what: &str, text: &str) {
        assert_eq!(self.found_in(text), None, "{what} holds a secret");
    }

    /// No file of a folder holds one.
    pub(super) fn assert_none_below(&self, folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.assert_none_below(&path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                self.assert_none_in(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
            }
        }
    }
}

/// In clear; in hexadecimal digits, for a URL, for JSON, with small letters and large ones; in Base64, wherever in it the secret begins.
fn forms(secret: &str) -> Vec<String> {
    let each = |write: &dyn Fn(u8) -> String| secret.bytes().map(write).collect::<String>();
    let mut forms = vec![secret.to_owned(), each(&|byte| format!("{byte:02x}")), each(&|byte| format!("{byte:02X}"))];
    forms.extend([each(&|byte| format!("%{byte:02x}")), each(&|byte| format!("%{byte:02X}"))]);
    forms.push(each(&|byte| format!("\\u{byte:04x}")));
    for before in 0..3 {
        let encoded = STANDARD.encode([&vec![0; before], secret.as_bytes()].concat());
        // Six bits a character: those at the edges are shared with the neighbours.
        forms.push(encoded[(8 * before).div_ceil(6)..8 * (before + secret.len()) / 6].to_owned());
    }
    forms
}

#[test]
fn a_secret_is_found_in_every_encoding() {
    let secrets = Secrets::new();
    for around in ["", "a", "ab", "abc"] {
        let text = format!("{around}{KEY}{around}");
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        for output in [text.clone(), STANDARD.encode(&text), hex] {
            assert_eq!(secrets.found_in(&output).map(|(secret, _)| secret), Some(KEY), "{output}");
        }
    }
    assert_eq!(secrets.found_in("nothing to see"), None);
}
