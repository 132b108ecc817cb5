//! What the readers of every dialect ask of a body that was scanned: the fields that mean the same in all of them.

use router_core::usage::ServiceTier;

use crate::scan::{Field, Kind, Scan, ScanError, scan};

use super::{RequestError, wish};

/// A body and what the scan found in it.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) body: &'a [u8],
    pub(super) scan: &'a Scan,
}

/// Scans a body, or says why it is refused.
pub(super) fn scanned(body: &[u8]) -> Result<Scan, RequestError> {
    scan(body).map_err(|error| refused(&error))
}

/// The refusal of a body that cannot be scanned.
fn refused(error: &ScanError) -> RequestError {
    let (code, param) = match error {
        ScanError::Invalid { .. } => ("invalid_json", None),
        ScanError::TooDeep { .. } => ("json_too_deep", None),
        ScanError::DuplicateKey { key } => ("duplicate_key", Some(key.clone())),
        ScanError::TooManyFields => ("invalid_value", None),
        ScanError::TooManyMessages => ("invalid_value", Some("messages".to_owned())),
    };
    let mut message = error.to_string();
    if let Some(first) = message.get(..1).map(str::to_uppercase) {
        message.replace_range(..1, &first);
    }
    message.push('.');
    RequestError { code, param, message }
}

impl<'a> Fields<'a> {
    /// The raw value of a field: absent and `null` are both `None`.
    pub(super) fn value(&self, field: Field) -> Option<(Kind, &'a [u8])> {
        self.scan.value(self.body, field)
    }

    /// A field that is an object.
    pub(super) fn object(&self, field: Field) -> Option<&'a [u8]> {
        self.value(field).filter(|(kind, _)| *kind == Kind::Object).map(|(_, raw)| raw)
    }

    /// A field that is a string.
    pub(super) fn string(&self, field: Field) -> Option<String> {
        self.scan.string(self.body, field).map(std::borrow::Cow::into_owned)
    }

    /// The service tier that the client asks for.
    pub(super) fn service(&self) -> ServiceTier {
        self.string(Field::ServiceTier).map_or(ServiceTier::Standard, |tier| ServiceTier::named(&tier))
    }

    /// The model that the body names, where it must name one: as at OpenRouter, the first of `models` will do.
    pub(super) fn model(&self) -> Result<String, RequestError> {
        if let Some(model) = self.model_if_named()? {
            return Ok(model);
        }
        let listed = wish::models(self.body, self.scan)?;
        listed.into_iter().next().ok_or_else(|| RequestError::missing("model"))
    }

    /// The model that the body names, if it does.
    pub(super) fn model_if_named(&self) -> Result<Option<String>, RequestError> {
        match self.value(Field::Model) {
            None => Ok(None),
            Some((Kind::String, raw)) if raw.len() > 2 => Ok(self.string(Field::Model)),
            Some(_) => Err(RequestError::invalid("model", "a string that is not empty")),
        }
    }

    /// A field that is true or false.
    pub(super) fn flag(&self, field: Field) -> Result<Option<bool>, RequestError> {
        match self.value(field) {
            None => Ok(None),
            Some((Kind::True, _)) => Ok(Some(true)),
            Some((Kind::False, _)) => Ok(Some(false)),
            Some(_) => Err(RequestError::invalid(field.name(), "true or false")),
        }
    }

    /// A field that is an integer from `least` to `most`.
    pub(super) fn integer(&self, field: Field, least: u64, most: u64) -> Result<Option<u64>, RequestError> {
        let Some((kind, raw)) = self.value(field) else { return Ok(None) };
        let parsed = std::str::from_utf8(raw).ok().filter(|_| kind == Kind::Number).and_then(|text| text.parse().ok());
        match parsed {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ if most == u64::MAX => Err(RequestError::invalid(field.name(), "a positive integer")),
            _ => Err(RequestError::invalid(field.name(), &format!("an integer from {least} to {most}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_errors_are_sentences() {
        let error = scanned(b"{").unwrap_err();
        assert!(error.message.starts_with("The body is not") && error.message.ends_with('.'), "{error}");
    }
}
